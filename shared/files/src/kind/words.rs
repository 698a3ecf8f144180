//! What is said of a kind of file: its name, and what to do to get what is wanted instead.

use super::FileKind;

/// How to make an ONNX model with PyTorch, once the network is at hand.
const EXPORT: &str = "torch.onnx.export(network.eval(), (image,), \"model.onnx\")";

impl FileKind {
    /// What it is, with its article: `a PyTorch checkpoint`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::Png => "a PNG image",
            Self::Jpeg => "a JPEG image",
            Self::Tiff => "a TIFF image",
            Self::WebP => "a WebP image",
            Self::Bmp => "a BMP image",
            Self::Gif => "a GIF image",
            Self::Heic => "a HEIC image",
            Self::Avif => "an AVIF image",
            Self::Jpeg2000 => "a JPEG 2000 image",
            Self::JpegXl => "a JPEG XL image",
            Self::RareJpeg => "a JPEG-LS or JPEG XR image",
            Self::Dicom => "a DICOM file",
            Self::CameraRaw => "a camera's raw file",
            Self::Pdf => "a PDF document",
            Self::PostScript => "a PostScript document",
            Self::Svg => "an SVG drawing",
            Self::Layered => "a Photoshop or GIMP file",
            Self::OtherPicture => "a picture in a rare format",
            Self::Video => "a video",
            Self::Onnx => "an ONNX model",
            Self::TorchCheckpoint => "a PyTorch checkpoint (torch.save)",
            Self::TorchLegacy => "a PyTorch checkpoint of the old format (torch.save)",
            Self::TorchScript => "a TorchScript network (torch.jit.save)",
            Self::TorchExported => "an exported PyTorch program (torch.export.save)",
            Self::Safetensors => "a .safetensors file, weights without their network",
            Self::Pickle => "a Python pickle",
            Self::Hdf5 => "an HDF5 file, as Keras saves models",
            Self::Keras => "a Keras model (.keras)",
            Self::TfLite => "a TensorFlow Lite model",
            Self::TensorFlowGraph => "a frozen TensorFlow graph (.pb)",
            Self::SavedModel => "a TensorFlow SavedModel",
            Self::TensorFlowCheckpoint => "a TensorFlow checkpoint",
            Self::CoreMl => "a Core ML model",
            Self::OpenVino => "an OpenVINO network",
            Self::OrtFormat => "a model prepared for ONNX Runtime (.ort)",
            Self::Gguf => "a language model (.gguf)",
            Self::Npy => "a NumPy array (.npy)",
            Self::Npz => "an archive of NumPy arrays (.npz)",
            Self::GitLfsPointer => "a Git LFS pointer, which stands in place of the file",
            Self::Html => "a web page",
            Self::Json => "a JSON file",
            Self::Xml => "an XML file",
            Self::Text => "a text file",
            Self::Zip => "a zip archive",
            Self::Gzip => "a gzip archive",
            Self::Archive => "an archive",
            Self::Program => "a program",
            Self::Folder => "a folder",
        }
    }

    /// What it is, and how to come to an ONNX model, as the end of a sentence that begins with `this is`.
    #[must_use]
    pub fn instead_of_a_model(self) -> String {
        format!("{}, not an ONNX model: {}", self.name(), self.way_to_onnx())
    }

    /// What it is, and how to come to an image that is read, as the end of a sentence that begins with `This is`.
    #[must_use]
    pub fn instead_of_an_image(self) -> String {
        let name = self.name();
        if self.is_picture() {
            format!(
                "{name}, which this program does not read: {}",
                self.way_to_image()
            )
        } else if self.is_model() {
            format!(
                "{name}, neither an image nor an ONNX model: {}",
                self.way_to_onnx()
            )
        } else {
            format!("{name} and not an image: {}", self.way_to_image())
        }
    }

    fn way_to_onnx(self) -> String {
        let plain = match self {
            Self::TorchCheckpoint | Self::TorchLegacy => {
                return format!(
                    "load it into its network in Python (network.load_state_dict(torch.load(FILE))) and write that with {EXPORT}"
                );
            }
            Self::Safetensors => {
                return format!(
                    "give it to `pellucid train --init`, or load it into its network in Python and write that with {EXPORT}"
                );
            }
            Self::TorchScript => {
                "write network = torch.jit.load(FILE) in Python with torch.onnx.export(network, (image,), \"model.onnx\", dynamo=False)"
            }
            Self::TorchExported => {
                "write it in Python with torch.onnx.export(torch.export.load(FILE)).save(\"model.onnx\")"
            }
            Self::Pickle => {
                return format!("load the network in Python and write it with {EXPORT}");
            }
            Self::Hdf5 | Self::Keras => {
                "load it in Python (keras.models.load_model(FILE)) and write it with model.export(\"model.onnx\", format=\"onnx\")"
            }
            Self::TfLite => {
                "convert it with `python -m tf2onnx.convert --tflite FILE --output model.onnx`"
            }
            Self::TensorFlowGraph => {
                "convert it with `python -m tf2onnx.convert --graphdef FILE --inputs NAME:0 --outputs NAME:0 --output model.onnx`"
            }
            Self::SavedModel => {
                "convert its folder with `python -m tf2onnx.convert --saved-model FOLDER --output model.onnx`"
            }
            Self::TensorFlowCheckpoint => {
                "convert it with `python -m tf2onnx.convert --checkpoint NAME.meta --inputs NAME:0 --outputs NAME:0 --output model.onnx`"
            }
            Self::CoreMl | Self::OpenVino | Self::OrtFormat => {
                "take the ONNX file that it was made from, or export the network to ONNX again"
            }
            Self::GitLfsPointer => {
                "fetch the file itself with `git lfs pull`, or by the page's link for downloads"
            }
            Self::Html | Self::Xml => {
                "the address led to a page about the file, a login or an error: download the file itself"
            }
            Self::Json => "if it is a model card, give it together with its model",
            Self::Zip | Self::Gzip | Self::Archive => "unpack it and give the .onnx file in it",
            Self::Folder => "give the .onnx file in it",
            Self::Empty => "copy or download it again",
            Self::Text => "copy the file again, or export it again",
            Self::Png
            | Self::Jpeg
            | Self::Tiff
            | Self::WebP
            | Self::Bmp
            | Self::Gif
            | Self::Heic
            | Self::Avif
            | Self::Jpeg2000
            | Self::JpegXl
            | Self::RareJpeg
            | Self::Dicom
            | Self::CameraRaw
            | Self::Npy => "give it as the image, and the network's .onnx file as the model",
            _ => "give the .onnx file of the network",
        };
        plain.to_owned()
    }

    fn way_to_image(self) -> &'static str {
        match self {
            Self::Heic => {
                "save it as JPEG or PNG, or let the phone take JPEG (Settings, Camera, Formats, Most Compatible)"
            }
            Self::Avif | Self::Jpeg2000 | Self::JpegXl | Self::RareJpeg | Self::OtherPicture => {
                "save it as PNG in an image program"
            }
            Self::Dicom => "export the picture from a DICOM viewer as PNG",
            Self::CameraRaw => "develop it into a PNG or an 8-bit TIFF",
            Self::Pdf | Self::PostScript => "take the picture out of it and save that as PNG",
            Self::Svg | Self::Layered => "export it as PNG",
            Self::Video => "save a frame of it as PNG",
            Self::GitLfsPointer => {
                "fetch the image itself with `git lfs pull`, or by the page's link for downloads"
            }
            Self::Html | Self::Xml => {
                "the address led to a page about the image, a login or an error: download the image itself"
            }
            Self::Zip | Self::Gzip | Self::Archive => "unpack it and give an image in it",
            Self::Npy => "a tensor is fed as it is where its name ends in .npy",
            Self::Onnx => {
                "give the model first, under a name that ends in .onnx, and an image after it"
            }
            Self::Empty => "choose an image file",
            _ => "give a PNG, JPEG, TIFF, WebP, BMP or GIF file",
        }
    }
}
