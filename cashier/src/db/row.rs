//! Reading rows: a value that does not fit is an error that names table, column and key.

use sqlx::any::AnyRow;
use sqlx::{Any, Row as _};
use wxpay::{Fen, UnixMillis};

use recharge::audit::Actor;

use super::error::{DbError, Inconsistency, UnknownWord};

/// One row of a table.
pub(super) struct Row<'r> {
    table: &'static str,
    /// The columns of the primary key, as far as they were selected.
    key: &'static [&'static str],
    row: &'r AnyRow,
}

impl<'r> Row<'r> {
    pub(super) fn of(table: &'static str, key: &'static [&'static str], row: &'r AnyRow) -> Row<'r> {
        Row { table, key, row }
    }

    fn inconsistent(&self, column: &'static str) -> Inconsistency {
        let part = |name: &&str| match self.row.try_get::<String, _>(*name) {
            Ok(text) => text,
            Err(_) => self.row.try_get::<i64, _>(*name).map_or("?".to_owned(), |number| number.to_string()),
        };
        let key: Vec<_> = self.key.iter().map(part).collect();
        Inconsistency::on(self.table).column(column).row(key.join(" "))
    }

    /// A column as it is stored.
    pub(super) fn get<T>(&self, column: &'static str) -> Result<T, DbError>
    where
        T: for<'v> sqlx::Decode<'v, Any> + sqlx::Type<Any>,
    {
        self.row.try_get(column).map_err(|error| self.inconsistent(column).source(error))
    }

    /// A text column that `parse` turns into its type.
    pub(super) fn parse<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, DbError>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        parse(self.get(column)?).map_err(|error| self.inconsistent(column).source(error))
    }

    /// The same for a column that may be empty.
    pub(super) fn parse_optional<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<Option<T>, DbError>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let text: Option<String> = self.get(column)?;
        text.map(parse).transpose().map_err(|error| self.inconsistent(column).source(error))
    }

    /// A text column that holds one word of an enum.
    pub(super) fn word<T>(
        &self,
        column: &'static str,
        from_name: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, DbError> {
        let word: String = self.get(column)?;
        from_name(&word).ok_or_else(|| self.unknown(column, word))
    }

    /// The same for a column that may be empty.
    pub(super) fn word_optional<T>(
        &self,
        column: &'static str,
        from_name: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, DbError> {
        let word: Option<String> = self.get(column)?;
        word.map(|word| from_name(&word).ok_or_else(|| self.unknown(column, word))).transpose()
    }

    /// An actor, out of the columns of its kind and its name.
    pub(super) fn actor(&self, kind: &'static str, name: &'static str) -> Result<Actor, DbError> {
        let name: String = self.get(name)?;
        self.word(kind, |kind| Actor::from_columns(kind, name))
    }

    /// The error for a value that `why` refuses.
    pub(super) fn unreadable(
        &self,
        column: &'static str,
        why: impl std::error::Error + Send + Sync + 'static,
    ) -> DbError {
        self.inconsistent(column).source(why)
    }

    /// The error for a word that this version does not know.
    pub(super) fn unknown(&self, column: &'static str, word: String) -> DbError {
        self.inconsistent(column).source(UnknownWord(word))
    }

    pub(super) fn fen(&self, column: &'static str) -> Result<Fen, DbError> {
        self.get(column).map(Fen::new)
    }

    pub(super) fn fen_optional(&self, column: &'static str) -> Result<Option<Fen>, DbError> {
        Ok(self.get::<Option<i64>>(column)?.map(Fen::new))
    }

    pub(super) fn time(&self, column: &'static str) -> Result<UnixMillis, DbError> {
        self.get(column).map(UnixMillis::new)
    }

    pub(super) fn time_optional(&self, column: &'static str) -> Result<Option<UnixMillis>, DbError> {
        Ok(self.get::<Option<i64>>(column)?.map(UnixMillis::new))
    }

    /// A column of 0 or 1.
    pub(super) fn flag(&self, column: &'static str) -> Result<bool, DbError> {
        Ok(self.get::<i64>(column)? != 0)
    }
}
