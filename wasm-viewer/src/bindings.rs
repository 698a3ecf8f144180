//! What JavaScript sees. Names and types only: the work is done in the modules beside this one.

use pellucid_shared::card::Input;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::{Classifier, Picture, ViewerError};

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

    /// The class code that the image is known to show, for phantoms.
    #[wasm_bindgen(getter)]
    pub fn truth(&self) -> Option<String> {
        self.0.truth.map(str::to_owned)
    }

    /// The network's input, `[3, H, W]`; `input` is a description's `input`.
    pub fn tensor(&self, input: &str) -> Answer<Vec<f32>> {
        Ok(self.0.tensor(&parse(input)?))
    }

    /// What the network sees, as RGBA with `side` pixels each way.
    pub fn pixels(&self, input: &str, side: u32) -> Answer<Vec<u8>> {
        Ok(self.0.pixels(&parse(input)?, side))
    }
}

/// [`Classifier`] for JavaScript.
#[wasm_bindgen(js_name = Classifier)]
pub struct JsClassifier(Classifier);

#[wasm_bindgen(js_class = Classifier)]
impl JsClassifier {
    /// Opens the bytes of an `.onnx` file; `sidecar` is a card's JSON in place of the model's own.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>, sidecar: Option<String>) -> Answer<Self> {
        Ok(Self(Classifier::open(bytes, sidecar.as_deref())?))
    }

    /// A [`crate::Description`].
    pub fn describe(&self) -> Answer<JsValue> {
        to_js(&self.0.describe()?)
    }

    /// A [`crate::Prediction`] for a network input.
    pub fn classify(&mut self, input: &[f32]) -> Answer<JsValue> {
        to_js(&self.0.classify(input)?)
    }

    /// The raw gradient `[3, H, W]` of a class's logit at the image last classified.
    pub fn gradient(&mut self, class: usize) -> Answer<Vec<f32>> {
        Ok(self.0.gradient(class)?.into_iter().collect())
    }
}

fn parse(input: &str) -> Result<Input, ViewerError> {
    serde_json::from_str(input).map_err(|error| ViewerError::Page(error.to_string()))
}

fn to_js(value: &impl Serialize) -> Answer<JsValue> {
    let value = serde_wasm_bindgen::to_value(value);
    value.map_err(|error| ViewerError::Page(error.to_string()).into())
}
