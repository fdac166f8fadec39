//! CSV in the format of RFC 4180: CRLF ends a line, and a field is quoted if it must be.

/// Writes a header and one line per row. A column has a name, and gives the field of a row.
pub fn document<R>(columns: &[(&str, impl Fn(&R) -> String)], rows: impl IntoIterator<Item = R>) -> String {
    let mut writer = ::csv::WriterBuilder::new()
        .terminator(::csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let mut write = |fields: Vec<String>| writer.write_record(fields).expect("a Vec takes every write");
    write(columns.iter().map(|(name, _)| (*name).to_owned()).collect());
    for row in rows {
        write(columns.iter().map(|(_, field)| field(&row)).collect());
    }
    let bytes = writer.into_inner().expect("a Vec takes every write");
    String::from_utf8(bytes).expect("every field is text")
}

/// A field that is empty if the value is unknown.
pub fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_commas_quotes_and_line_breaks_is_quoted() {
        type Field = fn(&(String, Option<u8>)) -> String;
        let columns: [(&str, Field); 2] = [("name", |row| row.0.clone()), ("level", |row| known(row.1))];
        let rows = [("a, \"b\"\r\nc".to_owned(), None), ("d".to_owned(), Some(3))];
        assert_eq!(
            document(&columns, rows),
            "name,level\r\n\"a, \"\"b\"\"\r\nc\",\r\nd,3\r\n"
        );
    }
}
