//! What JavaScript sees. Names and types only: the work is done in the modules beside this one.

use ndarray::{Array2, ArrayView2};
use pellucid_shared::engine::Convolutions;
use pellucid_shared::metrics::mass_inside;
use pellucid_shared::render::{ColourMap, collapse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

use crate::question::remark;
use crate::{Classifier, Painting, Picture, Question, Raster, ViewerError, legend, paint_map};

type Answer<T> = Result<T, JsError>;

/// A panic reaches the console with its message and place before the worker dies of it.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// Classifiers that are opened from now on compute convolutions by our own code, or by tract's again.
#[wasm_bindgen(js_name = ownConvolutions)]
#[allow(unreachable_pub)] // wasm-bindgen exports what is public.
pub fn own_convolutions(own: bool) {
    match own {
        true => Convolutions::Own.choose(),
        false => Convolutions::Tract.choose(),
    }
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

    /// The whole image, its longer side reduced to at most `most` pixels.
    pub fn whole(&self, most: u32) -> JsRaster {
        JsRaster(self.0.whole(most))
    }

    /// What of the image the network sees: left, top, width and height in its pixels.
    pub fn crop(&self, input: &str) -> Answer<Vec<u32>> {
        Ok(self.0.crop(&parse(input)?).to_vec())
    }

    /// A mask's file as the network would see it, a byte for each place of the map: 1 inside.
    pub fn mask(&self, bytes: &[u8], input: &str) -> Answer<Vec<u8>> {
        let inside = self.0.mask(bytes, &parse(input)?)?;
        Ok(inside.into_iter().map(u8::from).collect())
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

/// [`Raster`] for JavaScript.
#[wasm_bindgen(js_name = Raster)]
pub struct JsRaster(Raster);

#[wasm_bindgen(js_class = Raster)]
impl JsRaster {
    /// Width in pixels.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> u32 {
        self.0.width
    }

    /// Height in pixels.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> u32 {
        self.0.height
    }

    /// RGBA. The bytes move out: a second call gives none.
    pub fn pixels(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0.pixels)
    }
}

#[wasm_bindgen]
extern "C" {
    /// An object of the page's that hears how far a method is.
    pub type Listener;

    #[wasm_bindgen(method)]
    fn told(this: &Listener, done: usize, total: usize);
}

/// [`Classifier`] for JavaScript, with the map that was asked for last.
#[wasm_bindgen(js_name = Classifier)]
pub struct JsClassifier {
    classifier: Classifier,
    /// Summed over the channels, `[H, W]`.
    map: Option<Array2<f32>>,
}

#[wasm_bindgen(js_class = Classifier)]
impl JsClassifier {
    /// Opens the bytes of an `.onnx` file; `sidecar` is a card's JSON in place of the model's own.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>, sidecar: Option<String>) -> Answer<Self> {
        Ok(Self {
            classifier: Classifier::open(bytes, sidecar.as_deref())?,
            map: None,
        })
    }

    /// A [`crate::Description`].
    pub fn describe(&self) -> Answer<JsValue> {
        to_js(&self.classifier.describe()?)
    }

    /// A [`crate::Prediction`] for a network input.
    pub fn classify(&mut self, input: &[f32]) -> Answer<JsValue> {
        self.map = None;
        to_js(&self.classifier.classify(input)?)
    }

    /// The raw gradient `[C, H, W]` of a class's logit at the image last classified.
    pub fn gradient(&mut self, class: usize) -> Answer<Vec<f32>> {
        Ok(self.classifier.gradient(class)?.into_iter().collect())
    }

    /// Whether [`Self::explain`] needs the model's file for a [`Question`].
    #[wasm_bindgen(js_name = needsFile)]
    pub fn needs_file(question: &str) -> Answer<bool> {
        Ok(parse::<Question>(question)?.method.looks_inside())
    }

    /// Answers a [`Question`] about the image last classified.
    pub fn explain(
        &mut self,
        question: &str,
        file: Option<Vec<u8>>,
        listener: &Listener,
    ) -> Answer<JsExplanation> {
        self.map = None;
        let mut told = |progress: pellucid_shared::attribution::Progress| {
            listener.told(progress.done, progress.total);
        };
        let question = parse(question)?;
        let found = self
            .classifier
            .explain(&question, file.as_deref(), &mut told)?;
        let values = found.map.channels();
        let map = self.map.insert(collapse(&values));
        Ok(JsExplanation {
            remark: remark(&found),
            channels: values.dim().0,
            map: map.iter().copied().collect(),
            values: values.into_iter().collect(),
        })
    }

    /// The map asked for last, painted in a [`crate::Style`]; nothing where there is none.
    pub fn paint(&self, style: &str) -> Answer<Option<JsPainting>> {
        let style = parse(style)?;
        let map = self.map.as_ref();
        Ok(map.map(|map| JsPainting(paint_map(map, &style))))
    }

    /// The share of the map's magnitude that lies inside a region, a byte for each place; nothing where there is none to share.
    pub fn inside(&self, region: &[u8]) -> Answer<Option<f64>> {
        let Some(map) = &self.map else {
            return Ok(None);
        };
        let (given, wanted) = (region.len(), map.len());
        let region = ArrayView2::from_shape(map.dim(), region)
            .map_err(|_| ViewerError::Region { given, wanted })?;
        Ok(mass_inside(map, &region.mapv(|place| place != 0)))
    }
}

/// A method's answer for JavaScript. Each of its arrays moves out: a second call gives none.
#[wasm_bindgen(js_name = Explanation)]
pub struct JsExplanation {
    values: Vec<f32>,
    map: Vec<f32>,
    remark: Option<String>,
    channels: usize,
}

#[wasm_bindgen(js_class = Explanation)]
impl JsExplanation {
    /// `[channels, H, W]`, neither scaled nor clipped.
    pub fn values(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.values)
    }

    /// Its sum over the channels, `[H, W]`.
    pub fn map(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.map)
    }

    /// The network's channels, or 1 for methods that attribute to places.
    #[wasm_bindgen(getter)]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// What is to be said of it.
    #[wasm_bindgen(getter)]
    pub fn remark(&self) -> Option<String> {
        self.remark.clone()
    }
}

/// [`Painting`] for JavaScript.
#[wasm_bindgen(js_name = Painting)]
pub struct JsPainting(Painting);

#[wasm_bindgen(js_class = Painting)]
impl JsPainting {
    /// A colour map's colours from weakest to strongest, as RGBA, one row.
    pub fn legend(colours: &str, width: u32) -> Answer<Vec<u8>> {
        let colours: Result<ColourMap, _> = serde_json::from_value(colours.into());
        let colours = colours.map_err(|error| ViewerError::Page(error.to_string()))?;
        Ok(legend(colours, width))
    }

    /// RGBA. The bytes move out: a second call gives none.
    pub fn pixels(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0.pixels)
    }

    /// What is painted, per place −1 to 1. The values move out: a second call gives none.
    pub fn strengths(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.0.strengths)
    }

    /// The attribution that is shown in the strongest colour.
    #[wasm_bindgen(getter)]
    pub fn scale(&self) -> f32 {
        self.0.scale
    }

    /// The one that would be if none had been given.
    #[wasm_bindgen(getter, js_name = ownScale)]
    pub fn own_scale(&self) -> f32 {
        self.0.own_scale
    }

    /// `non_finite`, `all_zero`, `tiny` or nothing.
    #[wasm_bindgen(getter)]
    pub fn flag(&self) -> Answer<JsValue> {
        to_js(&self.0.flag)
    }
}

fn parse<T: DeserializeOwned>(json: &str) -> Result<T, ViewerError> {
    serde_json::from_str(json).map_err(|error| ViewerError::Page(error.to_string()))
}

fn to_js(value: &impl Serialize) -> Answer<JsValue> {
    let value = serde_wasm_bindgen::to_value(value);
    value.map_err(|error| ViewerError::Page(error.to_string()).into())
}
