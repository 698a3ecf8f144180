//! Reading tensors whose data lie in files beside the model.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::super::OnnxError;
use super::super::pb::{
    GraphProto, ModelProto, NodeProto, TensorProto, tensor_proto::DataLocation,
};
use super::super::tensor::byte_length;
use pellucid_files as files;

/// What to do where the place of the data is at fault.
const RESAVE: &str = "keep it beside the model, or save the model as one file (onnx.save with save_as_external_data=False)";

/// Reads the data of every tensor that lies in another file into the tensor itself; returns those files. Memory is
/// bounded by their sizes: tensors that together claim more than their file holds are refused.
pub(super) fn resolve(proto: &mut ModelProto, model: &Path) -> Result<Vec<PathBuf>, OnnxError> {
    let mut store = Store {
        model,
        folders: vec![],
        files: HashMap::new(),
    };
    let graphs = proto.graph.iter_mut();
    let training = proto
        .training_info
        .iter_mut()
        .flat_map(|info| info.initialization.iter_mut().chain(&mut info.algorithm));
    for graph in graphs.chain(training) {
        store.graph(graph)?;
    }
    for function in &mut proto.functions {
        store.nodes(&mut function.node)?;
    }
    let mut files: Vec<PathBuf> = store.files.into_keys().collect();
    files.sort();
    Ok(files)
}

/// The files beside one model.
struct Store<'a> {
    model: &'a Path,
    /// The real folders that data may lie in; found when the first is asked for.
    folders: Vec<PathBuf>,
    files: HashMap<PathBuf, DataFile>,
}

struct DataFile {
    file: File,
    length: u64,
    /// Bytes that no tensor has claimed yet.
    unclaimed: u64,
}

/// Where a tensor says that its data lie.
struct Place {
    location: String,
    offset: u64,
    length: Option<u64>,
}

impl Store<'_> {
    fn graph(&mut self, graph: &mut GraphProto) -> Result<(), OnnxError> {
        for tensor in &mut graph.initializer {
            self.tensor(tensor)?;
        }
        self.nodes(&mut graph.node)
    }

    fn nodes(&mut self, nodes: &mut [NodeProto]) -> Result<(), OnnxError> {
        for attribute in nodes.iter_mut().flat_map(|node| &mut node.attribute) {
            for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
                self.tensor(tensor)?;
            }
            for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                self.graph(graph)?;
            }
        }
        Ok(())
    }

    fn tensor(&mut self, tensor: &mut TensorProto) -> Result<(), OnnxError> {
        if tensor.data_location != DataLocation::External as i32 {
            return Ok(());
        }
        let size = byte_length(tensor)?;
        let location = entry(tensor, "location").unwrap_or_default();
        let read = place(tensor).and_then(|place| self.read(&place, size));
        tensor.raw_data = read.map_err(|why| OnnxError::ExternalData {
            tensor: tensor.name.clone(),
            file: location.to_owned(),
            why,
        })?;
        tensor.data_location = DataLocation::Default as i32;
        tensor.external_data.clear();
        Ok(())
    }

    /// The `size` bytes at that place.
    fn read(&mut self, place: &Place, size: usize) -> Result<Vec<u8>, String> {
        let wanted = u64::try_from(size).unwrap_or(u64::MAX);
        if let Some(length) = place.length.filter(|&length| length != wanted) {
            return Err(format!(
                "it has {length} bytes there, and its type and shape take {wanted}: export the model again"
            ));
        }
        let path = self.inside(&place.location)?;
        let data = match self.files.entry(path) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(free) => {
                let data = open(free.key())?;
                free.insert(data)
            }
        };
        let end = place.offset.checked_add(wanted);
        if end.is_none_or(|end| end > data.length) {
            return Err(format!(
                "its {wanted} bytes from byte {} on go beyond the file, which has {}: copy the file again in full",
                place.offset, data.length
            ));
        }
        data.unclaimed = data.unclaimed.checked_sub(wanted).ok_or_else(|| {
            format!("its tensors together take more bytes than the file has, so that some share their data: {RESAVE}")
        })?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|e| e.to_string())?;
        data.file
            .seek(SeekFrom::Start(place.offset))
            .and_then(|_| (&data.file).take(wanted).read_to_end(&mut bytes))
            .map_err(|e| e.to_string())?;
        if bytes.len() == size {
            Ok(bytes)
        } else {
            Err("the file became shorter while it was read: try again".into())
        }
    }

    /// The real path of a location that does not lead out of the model's folder.
    fn inside(&mut self, location: &str) -> Result<PathBuf, String> {
        let relative = Path::new(location);
        let mut steps = relative.components();
        if location.is_empty()
            || !steps.all(|step| matches!(step, Component::Normal(_) | Component::CurDir))
        {
            return Err(format!("it leads out of the model's folder: {RESAVE}"));
        }
        let folder = parent(self.model);
        let path = fs::canonicalize(folder.join(relative)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("there is no such file beside the model: copy it there too ({error})")
            }
            _ => error.to_string(),
        })?;
        if self.folders.is_empty() {
            // A store of downloads links a model and its data from one folder into another: that one is its folder too.
            let real = fs::canonicalize(self.model).map_err(|e| e.to_string())?;
            let folder = fs::canonicalize(folder).map_err(|e| e.to_string())?;
            self.folders = vec![folder, parent(&real).to_owned()];
        }
        if self.folders.iter().any(|folder| path.starts_with(folder)) {
            Ok(path)
        } else {
            Err(format!("it is a link out of the model's folder: {RESAVE}"))
        }
    }
}

fn open(path: &Path) -> Result<DataFile, String> {
    let file = files::open(path).map_err(|e| e.to_string())?;
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    Ok(DataFile {
        file,
        length,
        unclaimed: length,
    })
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn entry<'a>(tensor: &'a TensorProto, key: &str) -> Option<&'a str> {
    let mut entries = tensor.external_data.iter();
    entries.find(|e| e.key == key).map(|e| &e.value[..])
}

fn place(tensor: &TensorProto) -> Result<Place, String> {
    let number = |key: &str| {
        let text = entry(tensor, key);
        let number = text.map(|text| text.parse::<u64>().map_err(|_| (key.to_owned(), text)));
        number
            .transpose()
            .map_err(|(key, text)| format!("its {key} `{text}` is not a number of bytes"))
    };
    Ok(Place {
        location: entry(tensor, "location").unwrap_or_default().to_owned(),
        offset: number("offset")?.unwrap_or(0),
        length: number("length")?,
    })
}
