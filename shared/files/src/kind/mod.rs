//! What a file is, by its bytes: people give checkpoints for models, pages of an error for images, and pointers for both,
//! and deserve to be told what it is that they gave.
//!
//! ```
//! use pellucid_files::kind::FileKind;
//!
//! assert_eq!(FileKind::of(b"\x89HDF\r\n\x1a\n"), Some(FileKind::Hdf5));
//! assert_eq!(FileKind::of(b"\x00\x01\x02"), None);
//! ```

mod magic;
mod protobuf;
#[cfg(test)]
mod tests;
mod text;
mod tiff;
mod words;
mod zip;

use std::path::Path;

/// A kind of file that is known by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// No bytes at all.
    Empty,

    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// TIFF that holds a picture for people.
    Tiff,
    /// WebP.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// GIF.
    Gif,

    /// HEIC or HEIF.
    Heic,
    /// AVIF.
    Avif,
    /// JPEG 2000, as a file or a bare codestream.
    Jpeg2000,
    /// JPEG XL.
    JpegXl,
    /// JPEG-LS or JPEG XR.
    RareJpeg,
    /// DICOM, with its preamble or without.
    Dicom,
    /// What a camera's sensor saw: CR2, CR3, NEF, ARW, DNG, RAF, ORF, RW2 and others.
    CameraRaw,
    /// PDF.
    Pdf,
    /// PostScript or Encapsulated PostScript.
    PostScript,
    /// SVG.
    Svg,
    /// Photoshop's or GIMP's own format.
    Layered,
    /// Another format of pictures: EXR, HDR, DDS, ICO, PNM, FITS, NIfTI, …
    OtherPicture,
    /// MP4, QuickTime, Matroska, AVI.
    Video,

    /// ONNX.
    Onnx,
    /// `torch.save`: a zip archive around a pickle (`.pt`, `.pth`, `.ckpt`, `.bin`).
    TorchCheckpoint,
    /// `torch.save` before PyTorch 1.6: several pickles in a row.
    TorchLegacy,
    /// `torch.jit.save`.
    TorchScript,
    /// `torch.export.save` (`.pt2`).
    TorchExported,
    /// `.safetensors`.
    Safetensors,
    /// A Python pickle that is not PyTorch's.
    Pickle,
    /// HDF5, in which Keras keeps models (`.h5`).
    Hdf5,
    /// Keras 3 (`.keras`).
    Keras,
    /// LiteRT, once TensorFlow Lite (`.tflite`).
    TfLite,
    /// A frozen graph of TensorFlow (`.pb`).
    TensorFlowGraph,
    /// `saved_model.pb`, or the folder around it.
    SavedModel,
    /// The weights of a TensorFlow checkpoint, or its folder.
    TensorFlowCheckpoint,
    /// Core ML.
    CoreMl,
    /// OpenVINO's description of a network.
    OpenVino,
    /// A network that ONNX Runtime has prepared (`.ort`).
    OrtFormat,
    /// A language model's weights (`.gguf`).
    Gguf,
    /// NumPy's `.npy`.
    Npy,
    /// NumPy's `.npz`.
    Npz,

    /// What Git keeps in place of a large file.
    GitLfsPointer,
    /// A web page.
    Html,
    /// JSON.
    Json,
    /// XML.
    Xml,
    /// Other text.
    Text,
    /// A zip archive of something else.
    Zip,
    /// gzip.
    Gzip,
    /// Another archive or compressed file: tar, 7z, RAR, xz, bzip2, Zstandard.
    Archive,
    /// A program or library.
    Program,
    /// A folder.
    Folder,
}

impl FileKind {
    /// The kind of a file with these bytes, all of them: a zip archive's list of contents is at its end. `None` where nothing
    /// is recognised.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::Empty);
        }
        magic::of(bytes)
            .or_else(|| protobuf::of(bytes))
            .or_else(|| text::of(bytes))
    }

    /// The kind of a folder that is given in place of a file; `None` where there is no folder.
    #[must_use]
    pub fn of_folder(path: &Path) -> Option<Self> {
        if !path.is_dir() {
            return None;
        }
        let holds = |name: &str| path.join(name).exists();
        Some(if holds("saved_model.pb") || holds("saved_model.pbtxt") {
            Self::SavedModel
        } else if holds("checkpoint") {
            Self::TensorFlowCheckpoint
        } else if holds("Manifest.json") && holds("Data") {
            Self::CoreMl
        } else if holds("data.pkl") {
            Self::TorchCheckpoint
        } else {
            Self::Folder
        })
    }

    /// Whether `pellucid_shared::image::decode` reads such files.
    #[must_use]
    pub fn is_read_as_image(self) -> bool {
        matches!(
            self,
            Self::Png | Self::Jpeg | Self::Tiff | Self::WebP | Self::Bmp | Self::Gif
        )
    }

    /// Whether it holds pictures, whether or not they are read here.
    #[must_use]
    pub fn is_picture(self) -> bool {
        let unread = matches!(
            self,
            Self::Heic
                | Self::Avif
                | Self::Jpeg2000
                | Self::JpegXl
                | Self::RareJpeg
                | Self::Dicom
                | Self::CameraRaw
                | Self::Pdf
                | Self::PostScript
                | Self::Svg
                | Self::Layered
                | Self::OtherPicture
                | Self::Video
        );
        unread || self.is_read_as_image()
    }

    /// Whether it holds a network or its weights, in another form than ONNX.
    #[must_use]
    pub fn is_model(self) -> bool {
        matches!(
            self,
            Self::TorchCheckpoint
                | Self::TorchLegacy
                | Self::TorchScript
                | Self::TorchExported
                | Self::Safetensors
                | Self::Pickle
                | Self::Hdf5
                | Self::Keras
                | Self::TfLite
                | Self::TensorFlowGraph
                | Self::SavedModel
                | Self::TensorFlowCheckpoint
                | Self::CoreMl
                | Self::OpenVino
                | Self::OrtFormat
                | Self::Gguf
        )
    }
}
