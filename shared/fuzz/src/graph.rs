//! Small graphs out of a fuzzer's bytes.

use arbitrary::{Result, Unstructured};
use pellucid_shared::autodiff;
use pellucid_shared::onnx::pb::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, attribute_proto::AttributeType, tensor_proto::DataType,
};
use pellucid_shared::onnx::{Dim, float_value, int_tensor};

use super::operators::OPERATORS;

/// A model of up to a dozen nodes, of branches, loops and functions. Its names resolve; whether its shapes and attributes make
/// sense is left to chance.
///
/// # Errors
/// Where the bytes are too few.
pub fn model(bytes: &mut Unstructured<'_>) -> Result<ModelProto> {
    let mut graph = Growing {
        bytes,
        graph: GraphProto::default(),
        functions: vec![],
        values: vec![],
        count: 0,
        depth: 0,
    };
    for _ in 0..graph.bytes.int_in_range(1..=2)? {
        graph.input()?;
    }
    for _ in 0..graph.bytes.int_in_range(1..=12)? {
        graph.node()?;
    }
    let last = graph.values.len() - 1;
    let mut outputs = vec![last];
    if graph.bytes.ratio(1, 8)? {
        outputs.push(graph.bytes.choose_index(graph.values.len())?);
    }
    for index in outputs {
        let output = float_value(&graph.values[index], None);
        graph.graph.output.push(output);
    }
    let version = if graph.bytes.ratio(1, 3)? {
        graph.bytes.int_in_range(7..=24)?
    } else {
        *graph.bytes.choose(&[13, 17, 18, 21])?
    };
    Ok(ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version,
        }],
        graph: Some(graph.graph),
        functions: graph.functions,
        ..ModelProto::default()
    })
}

/// A graph as it grows, with its values' names, the latest last.
struct Growing<'a, 'b> {
    bytes: &'a mut Unstructured<'b>,
    graph: GraphProto,
    functions: Vec<FunctionProto>,
    values: Vec<String>,
    count: usize,
    /// How many graphs stand around the one that grows.
    depth: usize,
}

impl Growing<'_, '_> {
    fn fresh(&mut self) -> String {
        self.count += 1;
        format!("v{}", self.count)
    }

    fn input(&mut self) -> Result<()> {
        let name = self.fresh();
        let rank = *self.bytes.choose(&[4, 4, 4, 4, 3, 2, 1, 0, 5])?;
        let shape = (0..rank)
            .map(|axis| self.dim(axis))
            .collect::<Result<Vec<_>>>()?;
        let declared = (!self.bytes.ratio(1, 16)?).then_some(&shape[..]);
        self.graph.input.push(float_value(&name, declared));
        self.values.push(name);
        Ok(())
    }

    fn dim(&mut self, axis: usize) -> Result<Dim> {
        Ok(match self.bytes.int_in_range(0..=15)? {
            0 => Dim::Unknown,
            1 => Dim::Named("N".into()),
            2 => Dim::Named("H".into()),
            3 => Dim::Known(
                *self
                    .bytes
                    .choose(&[0, 3, 5, 1 << 20, 1 << 40, usize::MAX >> 1])?,
            ),
            4 => Dim::Known(1),
            _ => Dim::Known([2, 4, 6, 6, 6][axis % 5]),
        })
    }

    /// A value to read: mostly the latest, so that the graph is a way from input to output.
    fn value(&mut self) -> Result<String> {
        let back = if self.bytes.ratio(1, 4)? {
            self.bytes.choose_index(self.values.len())?
        } else {
            0
        };
        Ok(self.values[self.values.len() - 1 - back].clone())
    }

    fn number(&mut self) -> Result<i64> {
        Ok(match self.bytes.int_in_range(0..=23)? {
            0 => {
                *self
                    .bytes
                    .choose(&[i64::MIN, i64::MAX, 1 << 31, 1 << 40, -(1 << 40), 1 << 20])?
            }
            n => n - 6,
        })
    }

    fn numbers(&mut self, least: i64, most: i64) -> Result<Vec<i64>> {
        let length = *self.bytes.choose(&[2, 2, 4, 4, 1, 8, 3, 0])?;
        (0..length)
            .map(|_| {
                if self.bytes.ratio(1, 24)? {
                    self.number()
                } else {
                    self.bytes.int_in_range(least..=most)
                }
            })
            .collect()
    }

    fn float(&mut self) -> Result<f32> {
        Ok(*self.bytes.choose(&[
            1.0,
            0.5,
            2.0,
            0.0,
            -1.0,
            1e-5,
            1e-38,
            1e38,
            f32::NAN,
            f32::INFINITY,
        ])?)
    }

    fn node(&mut self) -> Result<()> {
        if self.depth < 3 && self.bytes.ratio(1, 12)? {
            return match self.bytes.ratio(1, 3)? {
                true => self.repetition(),
                false => self.choice(),
            };
        }
        if self.bytes.ratio(1, 12)? {
            return self.call();
        }
        let (op, inputs, attributes) = if self.bytes.ratio(1, 5)? {
            let all: Vec<&str> = autodiff::operators().collect();
            (*self.bytes.choose(&all)?, "x", "")
        } else {
            *self.bytes.choose(OPERATORS)?
        };
        let mut node = NodeProto {
            op_type: op.into(),
            input: self.inputs(inputs)?,
            ..NodeProto::default()
        };
        for attribute in attributes.split_whitespace() {
            let (name, kind) = attribute.split_once(':').unwrap_or((attribute, "n"));
            if self.bytes.ratio(2, 5)? {
                node.attribute.push(self.attribute(name, kind)?);
            }
        }
        let outputs = match op {
            "Split" => self.bytes.int_in_range(1..=4)?,
            "MaxPool" | "TopK" | "Dropout" => self.bytes.int_in_range(1..=2)?,
            _ => 1,
        };
        for _ in 0..outputs {
            let name = self.fresh();
            node.output.push(name.clone());
            self.values.push(name);
        }
        self.graph.node.push(node);
        Ok(())
    }

    /// An `If`, whose condition is mostly a constant.
    fn choice(&mut self) -> Result<()> {
        let condition = self.inputs("b")?;
        let mut attribute = vec![];
        for name in ["then_branch", "else_branch"] {
            let (node, output) = self.nodes(self.values.clone())?;
            let branch = GraphProto {
                node,
                output: vec![float_value(&output, None)],
                ..GraphProto::default()
            };
            attribute.push(AttributeProto {
                name: name.into(),
                r#type: AttributeType::Graph as i32,
                g: Some(branch),
                ..AttributeProto::default()
            });
        }
        self.push("", "If", condition, attribute);
        Ok(())
    }

    /// A `Loop` of mostly few iterations that carries one value and may collect another.
    fn repetition(&mut self) -> Result<()> {
        let iterations = *self.bytes.choose(&[1i64, 2, 3, 256, 257, -1, i64::MAX])?;
        let trips = self.fresh();
        let mut tensor = int_tensor(&trips, &[iterations]);
        tensor.dims.clear();
        self.graph.initializer.push(tensor);
        let carried = self.value()?;
        let given = ["i", "goes_on", "carried"];
        let mut values = self.values.clone();
        values.extend(given.map(String::from));
        let (node, output) = self.nodes(values)?;
        let mut outputs = vec!["goes_on".to_owned(), output.clone()];
        let collects = self.bytes.ratio(1, 3)?;
        if collects {
            outputs.push(output);
        }
        let body = GraphProto {
            input: given.map(|name| float_value(name, None)).to_vec(),
            node,
            output: outputs.iter().map(|name| float_value(name, None)).collect(),
            ..GraphProto::default()
        };
        let body = AttributeProto {
            name: "body".into(),
            r#type: AttributeType::Graph as i32,
            g: Some(body),
            ..AttributeProto::default()
        };
        self.push("", "Loop", vec![trips, String::new(), carried], vec![body]);
        if collects {
            let name = self.fresh();
            if let Some(node) = self.graph.node.last_mut() {
                node.output.push(name.clone());
            }
            self.values.push(name);
        }
        Ok(())
    }

    /// The call of a function, of one that exists or of a new one, which may call itself.
    fn call(&mut self) -> Result<()> {
        let index = self.bytes.int_in_range(0..=self.functions.len())?;
        if index == self.functions.len() && self.depth < 3 {
            self.functions.push(FunctionProto {
                name: format!("F{index}"),
                domain: "own".into(),
                input: vec!["a".into()],
                ..FunctionProto::default()
            });
            let (node, output) = self.nodes(vec!["a".into()])?;
            self.functions[index].node = node;
            self.functions[index].output = vec![output];
        }
        let input = self.value()?;
        self.push("own", &format!("F{index}"), vec![input], vec![]);
        Ok(())
    }

    /// A few nodes of a graph of their own that reads these values, and the value that it returns.
    fn nodes(&mut self, values: Vec<String>) -> Result<(Vec<NodeProto>, String)> {
        let outer = std::mem::take(&mut self.graph.node);
        let outer_values = std::mem::replace(&mut self.values, values);
        self.depth += 1;
        for _ in 0..self.bytes.int_in_range(0..=2)? {
            self.node()?;
        }
        self.depth -= 1;
        let made = std::mem::replace(&mut self.values, outer_values);
        let last = made.last().cloned().unwrap_or_default();
        Ok((std::mem::replace(&mut self.graph.node, outer), last))
    }

    fn push(&mut self, domain: &str, op: &str, input: Vec<String>, attribute: Vec<AttributeProto>) {
        let output = self.fresh();
        self.graph.node.push(NodeProto {
            domain: domain.into(),
            op_type: op.into(),
            input,
            output: vec![output.clone()],
            attribute,
            ..NodeProto::default()
        });
        self.values.push(output);
    }

    fn inputs(&mut self, kinds: &str) -> Result<Vec<String>> {
        let mut inputs = vec![];
        for (index, kind) in kinds.chars().enumerate() {
            if kind.is_ascii_uppercase() && self.bytes.ratio(1, 3)? {
                if self.bytes.ratio(1, 2)? {
                    break;
                }
                inputs.push(String::new());
                continue;
            }
            if kind == '+' {
                for _ in 0..self.bytes.int_in_range(0..=3)? {
                    inputs.push(self.value()?);
                }
                continue;
            }
            // Only the first input is sure to be computed; the others are mostly constants.
            let computed = kind == 'x' && (index == 0 || self.bytes.ratio(1, 2)?);
            inputs.push(if computed || self.bytes.ratio(1, 16)? {
                self.value()?
            } else {
                self.weight(kind.to_ascii_lowercase())?
            });
        }
        Ok(inputs)
    }

    /// A constant of that kind.
    fn weight(&mut self, kind: char) -> Result<String> {
        let name = self.fresh();
        let tensor = match kind {
            'i' => int_tensor(&name, &self.numbers(-2, 6)?),
            'n' => {
                let mut tensor = int_tensor(&name, &[self.number()?]);
                tensor.dims.clear();
                tensor
            }
            'b' => TensorProto {
                dims: vec![1],
                data_type: DataType::Bool as i32,
                raw_data: vec![self.bytes.int_in_range(0..=1)?],
                ..TensorProto::default()
            },
            kind => self.floats(kind)?,
        };
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            ..tensor
        });
        Ok(name)
    }

    fn floats(&mut self, kind: char) -> Result<TensorProto> {
        let dims = match kind {
            's' => vec![],
            'v' => vec![*self.bytes.choose(&[4, 1, 2, 6, 0])?],
            'w' => {
                let kernel = self.bytes.int_in_range(1..=3)?;
                let channels = [4, 2, 1];
                vec![
                    *self.bytes.choose(&channels)?,
                    *self.bytes.choose(&channels)?,
                    kernel,
                    kernel,
                ]
            }
            _ => (0..self.bytes.int_in_range(0..=4)?)
                .map(|_| Ok(*self.bytes.choose(&[1, 6, 4, 2])?))
                .collect::<Result<_>>()?,
        };
        let value = self.float()?;
        let count = dims.iter().product::<i64>() as usize;
        Ok(TensorProto {
            dims,
            data_type: DataType::Float as i32,
            float_data: vec![value; count],
            ..TensorProto::default()
        })
    }

    fn attribute(&mut self, name: &str, kind: &str) -> Result<AttributeProto> {
        let mut attribute = AttributeProto {
            name: name.into(),
            ..AttributeProto::default()
        };
        let mut ints = |values| {
            attribute.ints = values;
            AttributeType::Ints
        };
        let kind = match kind {
            "l" => ints(self.numbers(-3, 4)?),
            "k" => ints(self.numbers(1, 3)?),
            "p" => ints(self.numbers(0, 2)?),
            "n" | "t" | "g" => {
                attribute.i = match kind {
                    _ if self.bytes.ratio(1, 24)? => self.number()?,
                    "n" => self.bytes.int_in_range(-4..=4)?,
                    "t" => self.bytes.int_in_range(0..=1)?,
                    _ => self.bytes.int_in_range(1..=4)?,
                };
                AttributeType::Int
            }
            "f" => {
                attribute.f = self.float()?;
                AttributeType::Float
            }
            "fs" => {
                attribute.floats = vec![1.0, 1.0, self.float()?, self.float()?];
                AttributeType::Floats
            }
            "c" => {
                attribute.t = Some(int_tensor("", &[self.number()?]));
                AttributeType::Tensor
            }
            "a" => self.text(&mut attribute, "NOTSET|SAME_UPPER|SAME_LOWER|VALID")?,
            texts => self.text(&mut attribute, texts)?,
        };
        attribute.r#type = kind as i32;
        Ok(attribute)
    }

    fn text(&mut self, attribute: &mut AttributeProto, texts: &str) -> Result<AttributeType> {
        let texts: Vec<&str> = texts.split('|').collect();
        attribute.s = self.bytes.choose(&texts)?.as_bytes().to_vec();
        Ok(AttributeType::String)
    }
}
