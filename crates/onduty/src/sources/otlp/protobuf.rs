//! The wire format of protocol buffers, read in place.
//!
//! A library that builds every message it meets turns two bytes of an empty message into a hundred of memory; this one
//! builds none. Groups, which OTLP never had, are refused; so there is nothing here that recurses.

use super::Malformed;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Value<'a> {
    /// A message, a text, packed numbers.
    pub fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(wrong("a number where a message or text should be")),
        }
    }

    /// A message.
    pub fn message(self) -> Result<Fields<'a>, Malformed> {
        Ok(Fields(self.bytes()?))
    }

    pub fn varint(self) -> Result<u64, Malformed> {
        match self {
            Value::Varint(number) => Ok(number),
            _ => Err(wrong("something else where a whole number should be")),
        }
    }

    pub fn fixed64(self) -> Result<u64, Malformed> {
        match self {
            Value::Fixed64(number) => Ok(number),
            _ => Err(wrong("something else where 8 bytes should be")),
        }
    }

    pub fn double(self) -> Result<f64, Malformed> {
        self.fixed64().map(f64::from_bits)
    }

    /// A number that may be negative, written so that small ones are short.
    pub fn zigzag(self) -> Result<i32, Malformed> {
        let number = self.varint()?;
        let number = (number >> 1) as i64 ^ -((number & 1) as i64);
        i32::try_from(number).map_err(|_| wrong("a number that is too large"))
    }

    /// Numbers of 8 bytes, packed or one by one.
    pub fn append_fixed64(self, numbers: &mut Vec<u64>) -> Result<(), Malformed> {
        match self {
            Value::Fixed64(number) => numbers.push(number),
            Value::Bytes(packed) => {
                let (whole, rest) = packed.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(wrong("packed numbers that break off"));
                }
                numbers.extend(whole.iter().map(|bytes| u64::from_le_bytes(*bytes)));
            }
            _ => return Err(wrong("something else where 8 bytes should be")),
        }
        Ok(())
    }

    /// Whole numbers, packed or one by one.
    pub fn append_varints(self, numbers: &mut Vec<u64>) -> Result<(), Malformed> {
        match self {
            Value::Varint(number) => numbers.push(number),
            Value::Bytes(packed) => {
                let mut fields = Fields(packed);
                while !fields.0.is_empty() {
                    numbers.push(fields.varint()?);
                }
            }
            _ => return Err(wrong("something else where whole numbers should be")),
        }
        Ok(())
    }
}

fn wrong(what: &'static str) -> Malformed {
    Malformed::new(what)
}

/// The fields of a message, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// The number of the next field and its value; `None` after the last.
    #[inline]
    pub fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| wrong("a field without a number"))?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take()?)),
            2 => {
                let length = self.varint()?;
                if length > self.0.len() as u64 {
                    return Err(wrong("a field that is longer than what is left"));
                }
                let (bytes, rest) = self.0.split_at(length as usize);
                self.0 = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take()?)),
            _ => return Err(wrong("a field of a kind that does not exist")),
        };
        Ok(Some((number, value)))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        if let [byte @ ..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Ok(u64::from(*byte));
        }
        let mut number = 0_u64;
        for (at, byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.0 = &self.0[at + 1..];
                return Ok(number);
            }
        }
        Err(wrong("a whole number without an end"))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(|| wrong("a number that breaks off"))?;
        self.0 = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut bytes: Fields) -> Result<Vec<(u32, Value)>, Malformed> {
        let mut fields = Vec::new();
        while let Some(field) = bytes.next()? {
            fields.push(field);
        }
        Ok(fields)
    }

    #[test]
    fn fields_are_read() {
        let bytes = [
            0x08, 0x96, 0x01, // 1: 150
            0x12, 0x02, b'h', b'i', // 2: "hi"
            0x19, 1, 0, 0, 0, 0, 0, 0, 0, // 3: 1 in 8 bytes
            0x25, 2, 0, 0, 0, // 4: 2 in 4 bytes
            0xc2, 0x3e, 0x00, // 1000: nothing
            0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ];
        let expected = [
            (1, Value::Varint(150)),
            (2, Value::Bytes(b"hi")),
            (3, Value::Fixed64(1)),
            (4, Value::Fixed32(2)),
            (1000, Value::Bytes(b"")),
            (6, Value::Varint(u64::MAX)),
        ];
        assert_eq!(all(Fields(&bytes)).unwrap(), expected);
    }

    #[test]
    fn what_breaks_off_is_refused() {
        for bytes in [
            &[0x08][..],
            &[0x08, 0x80],
            &[0x12, 0x05, b'h'],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x19, 1, 2],
            &[0x25, 1],
            &[0x00, 0x00],
            &[0x0b],
            &[0x0c],
            &[0x0e],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(all(Fields(bytes)).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn numbers_may_be_packed() {
        let mut numbers = Vec::new();
        Value::Bytes(&[0x01, 0x96, 0x01]).append_varints(&mut numbers).unwrap();
        Value::Varint(7).append_varints(&mut numbers).unwrap();
        Value::Fixed64(8).append_fixed64(&mut numbers).unwrap();
        Value::Bytes(&[9, 0, 0, 0, 0, 0, 0, 0]).append_fixed64(&mut numbers).unwrap();
        assert_eq!(numbers, [1, 150, 7, 8, 9]);
        assert!(Value::Bytes(&[9, 0, 0]).append_fixed64(&mut numbers).is_err());
        assert!(Value::Bytes(&[0x80]).append_varints(&mut numbers).is_err());
        for (written, number) in [(0, 0), (1, -1), (2, 1), (3, -2), (u64::from(u32::MAX), i32::MIN)] {
            assert_eq!(Value::Varint(written).zigzag().unwrap(), number);
        }
        assert!(Value::Varint(u64::MAX).zigzag().is_err());
    }
}
