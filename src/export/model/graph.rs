//! A graph of ONNX operators, written operation by operation.

use super::protobuf::{Message, Setting, Type, node, tensor, value};

/// A value in a graph, by its name.
pub type Name = String;

/// A graph under construction.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    count: usize,
}

impl Graph {
    /// An input whose first dimension is any number of samples.
    pub fn input(&mut self, name: &str, dims: &[usize]) -> Name {
        let dims: Vec<Result<usize, &str>> = std::iter::once(Err("samples"))
            .chain(dims.iter().map(|&d| Ok(d)))
            .collect();
        self.inputs.push(value(name, Type::Float, &dims));
        name.to_owned()
    }

    /// Makes a value an output of this name.
    pub fn output(&mut self, of: &str, name: &str, kind: Type, dims: &[usize]) {
        let dims: Vec<Result<usize, &str>> = std::iter::once(Err("samples"))
            .chain(dims.iter().map(|&d| Ok(d)))
            .collect();
        self.nodes.push(node("Identity", &[of], name, &[]));
        self.outputs.push(value(name, kind, &dims));
    }

    /// A constant of single precision.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> Name {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constants.push(tensor(name, Type::Float, dims, &data));
        name.to_owned()
    }

    /// A constant of double precision.
    pub fn doubles(&mut self, name: &str, dims: &[usize], values: &[f64]) -> Name {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constants.push(tensor(name, Type::Double, dims, &data));
        name.to_owned()
    }

    /// A constant of whole numbers.
    pub fn ints(&mut self, values: &[i64]) -> Name {
        let name = self.fresh("ints");
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constants.push(tensor(&name, Type::Int64, &[values.len()], &data));
        name
    }

    /// One number.
    pub fn number(&mut self, value: f32) -> Name {
        let name = self.fresh("number");
        self.floats(&name, &[1], &[value])
    }

    /// The result of an operator.
    pub fn apply(&mut self, operator: &str, inputs: &[&str]) -> Name {
        self.apply_with(operator, inputs, &[])
    }

    /// The result of an operator with settings.
    pub fn apply_with(&mut self, operator: &str, inputs: &[&str], settings: &[(&str, Setting)]) -> Name {
        let name = self.fresh(operator);
        self.nodes.push(node(operator, inputs, &name, settings));
        name
    }

    /// `a` · `number`, `a` + `number` and so on.
    pub fn with_number(&mut self, operator: &str, a: &str, number: f32) -> Name {
        let number = self.number(number);
        self.apply(operator, &[a, &number])
    }

    /// The mean over an axis.
    pub fn mean(&mut self, a: &str, axis: i64, keep: bool) -> Name {
        self.apply_with(
            "ReduceMean",
            &[a],
            &[
                ("axes", Setting::Ints(vec![axis])),
                ("keepdims", Setting::Int(i64::from(keep))),
            ],
        )
    }

    /// The sum over the last axis of a matrix, which stays as one column.
    pub fn row_sum(&mut self, a: &str) -> Name {
        let axes = self.ints(&[1]);
        self.apply_with("ReduceSum", &[a, &axes], &[("keepdims", Setting::Int(1))])
    }

    /// The same values in another shape.
    pub fn reshape(&mut self, a: &str, dims: &[i64]) -> Name {
        let dims = self.ints(dims);
        self.apply("Reshape", &[a, &dims])
    }

    /// The same values as another type of numbers.
    pub fn cast(&mut self, a: &str, kind: Type) -> Name {
        self.apply_with("Cast", &[a], &[("to", Setting::Int(kind as i64))])
    }

    /// The graph as a message.
    pub fn finish(self, name: &str, about: &str) -> Message {
        let add = |message: Message, field: u64, parts: Vec<Message>| {
            parts
                .into_iter()
                .fold(message, |message, part| message.message(field, part))
        };
        let graph = add(Message::default(), 1, self.nodes).text(2, name);
        let graph = add(graph, 5, self.constants).text(10, about);
        add(add(graph, 11, self.inputs), 12, self.outputs)
    }

    /// A name that nothing has yet.
    pub fn fresh(&mut self, what: &str) -> Name {
        self.count += 1;
        format!("{}_{}", what.to_lowercase(), self.count)
    }
}
