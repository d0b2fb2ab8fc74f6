//! ONNX files: the few messages of its schema (`onnx.proto3`, IR version 8) that a graph of ours needs, as Protocol Buffers encode
//! them.

/// Version of the file format.
const IR_VERSION: u64 = 8;
/// Version of the operators.
pub const OPSET: u64 = 17;

/// A type of numbers, by its number in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Type {
    /// f32.
    Float = 1,
    /// i64.
    Int64 = 7,
    /// f64.
    Double = 11,
}

/// A message under construction.
#[derive(Debug, Clone, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// Its bytes.
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A whole number; one below zero has ten bytes.
    #[must_use]
    pub fn int(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value.cast_unsigned());
        self
    }

    /// Text or bytes.
    #[must_use]
    pub fn text(mut self, field: u64, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// A message in this one.
    #[must_use]
    pub fn message(self, field: u64, value: Self) -> Self {
        self.text(field, value.0)
    }
}

/// A constant of a graph, little-endian.
pub fn tensor(name: &str, kind: Type, dims: &[usize], data: &[u8]) -> Message {
    let dims = dims.iter().fold(Message::default(), |m, &dim| m.int(1, dim as i64));
    dims.int(2, kind as i64).text(8, name).text(9, data)
}

/// An input or output; of its dimensions those that are not fixed have names.
pub fn value(name: &str, kind: Type, dims: &[Result<usize, &str>]) -> Message {
    let shape = dims.iter().fold(Message::default(), |shape, dim| {
        let dim = match dim {
            Ok(size) => Message::default().int(1, *size as i64),
            Err(name) => Message::default().text(2, name),
        };
        shape.message(1, dim)
    });
    let tensor = Message::default().int(1, kind as i64).message(2, shape);
    Message::default()
        .text(1, name)
        .message(2, Message::default().message(1, tensor))
}

/// A setting of an operator.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(Vec<i64>),
}

/// One operation.
pub fn node(operator: &str, inputs: &[&str], output: &str, settings: &[(&str, Setting)]) -> Message {
    let inputs = inputs.iter().fold(Message::default(), |m, input| m.text(1, input));
    let named = inputs.text(2, output).text(3, output).text(4, operator);
    settings.iter().fold(named, |m, (name, setting)| {
        let of = Message::default().text(1, name);
        m.message(
            5,
            match setting {
                Setting::Int(value) => of.int(3, *value).int(20, 2),
                Setting::Ints(values) => values.iter().fold(of, |of, &value| of.int(8, value)).int(20, 7),
            },
        )
    })
}

/// A whole file: a graph with what it says of itself.
pub fn model(graph: Message, producer: (&str, &str), about: &str, facts: &[(&str, String)]) -> Vec<u8> {
    let model = Message::default()
        .int(1, IR_VERSION.cast_signed())
        .text(2, producer.0)
        .text(3, producer.1)
        .text(6, about)
        .message(7, graph)
        .message(8, Message::default().text(1, "").int(2, OPSET.cast_signed()));
    facts
        .iter()
        .fold(model, |model, (key, value)| {
            model.message(14, Message::default().text(1, key).text(2, value))
        })
        .bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the description of the encoding (protobuf.dev/programming-guides/encoding).
    #[test]
    fn messages_are_encoded_as_described() {
        assert_eq!(Message::default().int(1, 150).bytes(), [0x08, 0x96, 0x01]);
        let testing = Message::default().text(2, "testing").bytes();
        assert_eq!(testing, [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        let inner = Message::default().int(1, 150);
        assert_eq!(
            Message::default().message(3, inner).bytes(),
            [0x1a, 0x03, 0x08, 0x96, 0x01]
        );
        let below = Message::default().int(1, -2).bytes();
        assert_eq!(
            below,
            [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
        );
        // Fields above 15 take two bytes.
        assert_eq!(Message::default().int(20, 2).bytes(), [0xa0, 0x01, 0x02]);
    }
}
