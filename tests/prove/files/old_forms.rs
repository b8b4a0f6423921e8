//! RDB files in forms that nobody writes any more, put together by hand: versions 1 to 9, ziplists, zipmaps, scores as
//! text, expiries in seconds; and what version 10 can say but seldom does.

/// The bytes of a file as they come.
struct File(Vec<u8>);

impl File {
    fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A string up to 63 bytes, with its length.
    fn text(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        let text = text.as_ref();
        assert!(text.len() < 16_384, "a length of 14 bits");
        if text.len() < 64 {
            self.byte(text.len() as u8);
        } else {
            self.raw(&(0x4000 | text.len() as u16).to_be_bytes());
        }
        self.raw(text)
    }

    /// The type and the name of a key.
    fn key(&mut self, kind: u8, name: &str) -> &mut Self {
        self.byte(kind).text(name)
    }

    fn texts(&mut self, texts: &[&str]) -> &mut Self {
        for text in texts {
            self.text(text);
        }
        self
    }
}

/// An element of a ziplist.
enum Element<'a> {
    Text(&'a str),
    /// Its first byte says what integer it is; the others are the integer.
    Integer(&'a [u8]),
}

/// Elements packed as versions before 10 do.
fn ziplist(elements: &[Element<'_>]) -> Vec<u8> {
    let mut entries: Vec<u8> = Vec::new();
    let mut last_start = 0;
    for (number, element) in elements.iter().enumerate() {
        let before = if number == 0 {
            0
        } else {
            entries.len() - last_start
        };
        last_start = entries.len();
        if before < 254 {
            entries.push(before as u8);
        } else {
            entries.push(254);
            entries.extend_from_slice(&(before as u32).to_le_bytes());
        }
        match element {
            Element::Integer(bytes) => entries.extend_from_slice(bytes),
            Element::Text(text) => {
                let len = text.len();
                if len < 64 {
                    entries.push(len as u8);
                } else {
                    entries.extend_from_slice(&(0x4000 | len as u16).to_be_bytes());
                }
                entries.extend_from_slice(text.as_bytes());
            }
        }
    }
    let mut bytes = ((entries.len() + 11) as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(&((10 + last_start) as u32).to_le_bytes());
    bytes.extend_from_slice(&(elements.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&entries);
    bytes.push(0xff);
    bytes
}

/// A file of this version with every type that the version knows. It ends in a checksum where the version has one.
pub(crate) fn snapshot(version: u32) -> Vec<u8> {
    let mut file = File(format!("REDIS{version:04}").into_bytes());
    if version >= 7 {
        file.byte(0xfa).texts(&["redis-ver", "3.2.0"]);
    }
    file.byte(0xfe).byte(0);
    if version >= 7 {
        file.byte(0xfb).byte(16).byte(1);
    }
    strings(&mut file, version);
    file.key(1, "list").byte(3).texts(&["a", "b", "7"]);
    file.key(2, "set").byte(3).texts(&["x", "y", "z"]);
    // Scores as text, one of them infinite.
    file.key(3, "scores").byte(3);
    file.text("one").text("1").text("half").text("0.5");
    file.text("most").byte(254);
    file.key(4, "hash").byte(2).texts(&["f", "v", "g", "w"]);
    if version >= 2 {
        file.key(9, "zipmap")
            .text(b"\x02\x01f\x01\x00v\x01g\x02\x01wxy\xff");
        let elements = [
            Element::Text("a"),
            Element::Integer(&[0xf3]),
            Element::Integer(&[0xfe, 0x9c]),
            Element::Integer(&[0xc0, 0x39, 0x30]),
            Element::Integer(&[0xf0, 0x01, 0x02, 0x03]),
            Element::Integer(&[0xd0, 1, 2, 3, 4]),
            Element::Integer(&[0xe0, 1, 2, 3, 4, 5, 6, 7, 8]),
            Element::Text("end"),
        ];
        file.key(10, "ziplist").text(ziplist(&elements));
        file.key(11, "integers")
            .text([2, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 5, 0]);
        let pairs = [
            Element::Text("a"),
            Element::Integer(&[0xf2]),
            Element::Text("b"),
            Element::Text("2.5"),
        ];
        file.key(12, "ranks").text(ziplist(&pairs));
    }
    if version >= 4 {
        let pairs = [
            Element::Text("f"),
            Element::Integer(&[0xf2]),
            Element::Text("g"),
            Element::Text("some text"),
        ];
        file.key(13, "fields").text(ziplist(&pairs));
    }
    if version >= 7 {
        let long = "x".repeat(300);
        let nodes = [
            ziplist(&[Element::Text("a"), Element::Text("b")]),
            ziplist(&[Element::Text(&long), Element::Integer(&[0xf4])]),
        ];
        file.key(14, "nodes").byte(2);
        file.text(&nodes[0]).text(&nodes[1]);
    }
    if version >= 8 {
        file.key(5, "doubles").byte(2);
        file.text("two").raw(&2.0f64.to_le_bytes());
        file.text("one").raw(&1.0f64.to_le_bytes());
    }
    if version >= 9 {
        stream(&mut file);
        file.byte(0xf8).byte(50).key(0, "idle").text("1");
        file.byte(0xf9).byte(100).key(0, "frequent").text("1");
    }
    end(file, version)
}

fn strings(file: &mut File, version: u32) {
    file.key(0, "text").text("value");
    file.key(0, "one byte").raw(&[0xc0, 0x85]);
    file.key(0, "two bytes").raw(&[0xc1, 0x39, 0x30]);
    file.key(0, "four bytes")
        .raw(&[0xc2, 0x15, 0xcd, 0x5b, 0x07]);
    // Forty times the letter a, compressed.
    file.key(0, "compressed").raw(&[
        0xc3, 0x09, 0x28, 0x01, b'a', b'a', 0xe0, 0x1b, 0x00, 0x01, b'a', b'a',
    ]);
    let expiring = if version >= 3 {
        [&[0xfc][..], &4_000_000_000_000u64.to_le_bytes()].concat()
    } else {
        [&[0xfd][..], &2_100_000_000u32.to_le_bytes()].concat()
    };
    file.raw(&expiring).key(0, "expiring").text("1");
}

/// A stream as version 9 has it: one entry, one group, one consumer with the entry pending.
fn stream(file: &mut File) {
    let id = [[0, 0, 0, 0, 0, 0, 0, 1]; 2].concat();
    let pack = b"\x1d\0\0\0\x0a\0\x01\x01\0\x01\x01\x01\x81f\x02\0\x01\x02\x01\0\x01\0\x01\x81v\x02\x04\x01\xff";
    file.key(15, "stream").byte(1).text(&id).text(pack);
    // How many entries, and the last ID.
    file.byte(1).byte(1).byte(1);
    file.byte(1).text("group").byte(1).byte(1);
    file.byte(1)
        .raw(&id)
        .raw(&1_600_000_000_000u64.to_le_bytes())
        .byte(1);
    file.byte(1)
        .text("consumer")
        .raw(&1_600_000_000_000u64.to_le_bytes());
    file.byte(1).raw(&id);
}

/// A file of version 10 with what few servers write: a large element of a list by itself, lengths of four and eight
/// bytes, and how much keys are used.
pub(crate) fn seldom() -> Vec<u8> {
    let mut file = File(b"REDIS0010".to_vec());
    file.byte(0xfa).texts(&["aof-base", "0"]);
    file.byte(0xfe).byte(3);
    file.byte(0xfb).byte(3).byte(0);
    file.key(18, "list").byte(2);
    file.byte(1).text("an element by itself");
    file.byte(2).text(b"\x0a\0\0\0\x01\0\x81a\x02\xff");
    file.byte(0xf8).byte(50);
    file.byte(0).raw(&[0x80, 0, 0, 0, 4]).raw(b"idle");
    file.raw(&[0x81, 0, 0, 0, 0, 0, 0, 0, 5]).raw(b"value");
    file.byte(0xf9).byte(200).key(0, "frequent").text("1");
    end(file, 10)
}

fn end(mut file: File, version: u32) -> Vec<u8> {
    file.byte(0xff);
    if version >= 5 {
        let checksum = lastsave_rdb::crc64(&file.0);
        file.raw(&checksum.to_le_bytes());
    }
    file.0
}

#[test]
fn the_old_forms_can_be_read() {
    for version in 1..=9 {
        let bytes = snapshot(version);
        let report = lastsave_rdb::check::check(bytes.as_slice(), "old.rdb", 0);
        let output = String::from_utf8_lossy(&report.output).into_owned();
        assert!(report.ok, "version {version}: {output}");
    }
    assert!(lastsave_rdb::check::check(seldom().as_slice(), "seldom.rdb", 0).ok);
}
