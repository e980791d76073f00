//! XLSX, row by row into a file on disk, so that its size needs no memory. A sheet that is full is followed by another.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::cell::{Cell, plain_yuan};

/// Rows of a sheet below its head. Source: Excel's specifications, 1,048,576 rows a worksheet.
pub const SHEET_ROWS: u32 = 1_048_575;

/// Why the file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    #[error("the sheet cannot be written")]
    Sheet(#[from] XlsxError),
    #[error("the file cannot be written")]
    File(#[from] std::io::Error),
}

/// A workbook that is being written.
pub struct Sheets {
    book: Workbook,
    heads: Vec<&'static str>,
    sum: Format,
    /// Rows of the present sheet, its head included.
    next: u32,
    sheets: usize,
    rows_each: u32,
}

impl Sheets {
    pub fn new(heads: Vec<&'static str>) -> Result<Sheets, SheetError> {
        Sheets::with_rows(heads, SHEET_ROWS)
    }

    fn with_rows(heads: Vec<&'static str>, rows_each: u32) -> Result<Sheets, SheetError> {
        let sum = Format::new().set_num_format("0.00");
        let mut sheets = Sheets { book: Workbook::new(), heads, sum, next: 0, sheets: 0, rows_each };
        sheets.begin()?;
        Ok(sheets)
    }

    fn begin(&mut self) -> Result<(), SheetError> {
        let sheet = self.book.add_worksheet_with_constant_memory()?;
        for (column, head) in (0..).zip(&self.heads) {
            sheet.write_string(0, column, *head)?;
        }
        (self.next, self.sheets) = (1, self.sheets + 1);
        Ok(())
    }

    /// Writes a row.
    pub fn row(&mut self, cells: &[Cell]) -> Result<(), SheetError> {
        if self.next > self.rows_each {
            self.begin()?;
        }
        let (row, sum) = (self.next, self.sum.clone());
        let sheet = self.book.worksheet_from_index(self.sheets - 1)?;
        for (column, cell) in (0..).zip(cells) {
            write(sheet, row, column, cell, &sum)?;
        }
        self.next += 1;
        Ok(())
    }

    /// The finished file, to be read from its beginning. It goes away when it is closed.
    pub fn end(mut self) -> Result<File, SheetError> {
        let mut file = tempfile::tempfile()?;
        self.book.save_to_writer(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}

/// Everything is text, so that no digit is lost and nothing is a formula; only sums and counts are figures.
fn write(sheet: &mut Worksheet, row: u32, column: u16, cell: &Cell, sum: &Format) -> Result<(), SheetError> {
    match cell {
        Cell::Empty => {}
        Cell::Text(text) | Cell::Number(text) => {
            sheet.write_string(row, column, text)?;
        }
        Cell::Time(at) => {
            sheet.write_string(row, column, at.to_beijing_text())?;
        }
        Cell::Fen(fen) => {
            let yuan = plain_yuan(*fen);
            match yuan.parse::<f64>() {
                // Beyond 15 digits a figure would be another one.
                Ok(figure) if yuan.len() <= 15 => sheet.write_number_with_format(row, column, figure, sum)?,
                _ => sheet.write_string(row, column, yuan)?,
            };
        }
        Cell::Count(count) => {
            sheet.write_string(row, column, count.to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use wxpay::Fen;

    use super::*;

    /// What stands in the file, uncompressed or not: its beginning says that it is a zip file.
    #[test]
    fn a_full_sheet_is_followed_by_another_with_its_head() {
        let mut sheets = Sheets::with_rows(vec!["订单号", "金额"], 2).unwrap();
        for number in 1..=5 {
            sheets.row(&[Cell::Number(format!("SM{number}")), Cell::Fen(Fen::new(number * 100))]).unwrap();
        }
        assert_eq!((sheets.sheets, sheets.next), (3, 2));
        let mut file = sheets.end().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert!(bytes.starts_with(b"PK"), "a zip file");
        let names = String::from_utf8_lossy(&bytes);
        for sheet in 1..=3 {
            assert!(names.contains(&format!("xl/worksheets/sheet{sheet}.xml")), "sheet {sheet}");
        }
        assert!(!names.contains("xl/worksheets/sheet4.xml"));
    }
}
