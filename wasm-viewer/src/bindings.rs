//! What JavaScript sees. Names and types only: the work is done in the modules beside this one.

use ndarray::Array3;
use pellucid_shared::card::Input;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::{Classifier, Painting, Picture, Style, ViewerError, legend, paint_gradient};

type Answer<T> = Result<T, JsError>;

/// A panic reaches the console with its message and place before the worker dies of it.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// [`Picture`] for JavaScript.
#[wasm_bindgen(js_name = Picture)]
pub struct JsPicture(Picture);

#[wasm_bindgen(js_class = Picture)]
impl JsPicture {
    /// Decodes the bytes of an image file.
    pub fn decode(bytes: &[u8]) -> Answer<Self> {
        Ok(Self(Picture::decode(bytes)?))
    }

    /// Draws phantom number `index`, `size` pixels wide.
    pub fn phantom(index: u32, size: u32) -> Self {
        Self(Picture::phantom(u64::from(index), size))
    }

    /// Width in pixels.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> u32 {
        self.0.size().0
    }

    /// Height in pixels.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> u32 {
        self.0.size().1
    }

    /// What the image is known to show, for phantoms.
    #[wasm_bindgen(getter)]
    pub fn truth(&self) -> Option<String> {
        self.0.truth().map(str::to_owned)
    }

    /// What is odd about the file, although the image can be used; nothing where it is sound.
    #[wasm_bindgen(getter)]
    pub fn note(&self) -> Option<String> {
        self.0.note()
    }

    /// The network's input, `[3, H, W]`; `input` is a description's `input`.
    pub fn tensor(&self, input: &str) -> Answer<Vec<f32>> {
        Ok(self.0.tensor(&parse(input)?))
    }

    /// The outline of what decides a phantom's class, as RGBA with `side` pixels each way; nothing for other images.
    pub fn cause(&self, input: &str, side: u32) -> Answer<Option<Vec<u8>>> {
        Ok(self.0.cause(&parse(input)?, side))
    }

    /// What the network sees, as RGBA with `side` pixels each way.
    pub fn pixels(&self, input: &str, side: u32) -> Answer<Vec<u8>> {
        Ok(self.0.pixels(&parse(input)?, side))
    }
}

/// [`Classifier`] for JavaScript, with the gradient that was asked for last.
#[wasm_bindgen(js_name = Classifier)]
pub struct JsClassifier {
    classifier: Classifier,
    gradient: Option<Array3<f32>>,
}

#[wasm_bindgen(js_class = Classifier)]
impl JsClassifier {
    /// Opens the bytes of an `.onnx` file; `sidecar` is a card's JSON in place of the model's own.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>, sidecar: Option<String>) -> Answer<Self> {
        Ok(Self {
            classifier: Classifier::open(bytes, sidecar.as_deref())?,
            gradient: None,
        })
    }

    /// A [`crate::Description`].
    pub fn describe(&self) -> Answer<JsValue> {
        to_js(&self.classifier.describe()?)
    }

    /// A [`crate::Prediction`] for a network input.
    pub fn classify(&mut self, input: &[f32]) -> Answer<JsValue> {
        self.gradient = None;
        to_js(&self.classifier.classify(input)?)
    }

    /// The raw gradient `[3, H, W]` of a class's logit at the image last classified.
    pub fn gradient(&mut self, class: usize) -> Answer<Vec<f32>> {
        self.gradient = None;
        let gradient = self.gradient.insert(self.classifier.gradient(class)?);
        Ok(gradient.iter().copied().collect())
    }

    /// The gradient asked for last, painted in a [`crate::Style`]; nothing where there is none.
    pub fn paint(&self, style: &str, alone: bool) -> Answer<Option<JsPainting>> {
        let style = parse_style(style)?;
        let painting = self.gradient.as_ref();
        Ok(painting.map(|gradient| JsPainting(paint_gradient(gradient, style, alone))))
    }
}

/// [`Painting`] for JavaScript.
#[wasm_bindgen(js_name = Painting)]
pub struct JsPainting(Painting);

#[wasm_bindgen(js_class = Painting)]
impl JsPainting {
    /// The colours of a style from weakest to strongest, as RGBA, one row.
    pub fn legend(style: &str, width: u32) -> Answer<Vec<u8>> {
        Ok(legend(parse_style(style)?, width))
    }

    /// RGBA. The bytes move out: a second call gives none.
    pub fn pixels(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0.pixels)
    }

    /// The gradient that is shown in the strongest colour.
    #[wasm_bindgen(getter)]
    pub fn scale(&self) -> f32 {
        self.0.scale
    }

    /// `non_finite`, `all_zero`, `tiny` or nothing.
    #[wasm_bindgen(getter)]
    pub fn flag(&self) -> Answer<JsValue> {
        to_js(&self.0.flag)
    }
}

fn parse_style(style: &str) -> Result<Style, ViewerError> {
    serde_json::from_value(style.into()).map_err(|error| ViewerError::Page(error.to_string()))
}

fn parse(input: &str) -> Result<Input, ViewerError> {
    serde_json::from_str(input).map_err(|error| ViewerError::Page(error.to_string()))
}

fn to_js(value: &impl Serialize) -> Answer<JsValue> {
    let value = serde_wasm_bindgen::to_value(value);
    value.map_err(|error| ViewerError::Page(error.to_string()).into())
}
