//! What operators chose for the lists of the desk.

use crate::core::Cashier;
use crate::db::DbError;
use crate::db::desk_choices::{self, List, SavedFilter};

impl Cashier {
    /// The filters that an operator saved for a list, by name.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn saved_filters(&self, operator: &str, list: List) -> Result<Vec<SavedFilter>, DbError> {
        desk_choices::filters(self.db(), operator, list).await
    }

    /// Keeps a filter under its name; `false` if there are too many already.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn save_filter(
        &self,
        operator: &str,
        list: List,
        filter: SavedFilter,
    ) -> Result<bool, DbError> {
        desk_choices::save_filter(self.db(), operator, list, filter, self.now()).await
    }

    /// Forgets a filter.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn forget_filter(&self, operator: &str, list: List, name: &str) -> Result<(), DbError> {
        desk_choices::forget_filter(self.db(), operator, list, name).await
    }

    /// The columns that an operator chose for a list; `None` for one who never did.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn shown_columns(&self, operator: &str, list: List) -> Result<Option<Vec<String>>, DbError> {
        desk_choices::columns(self.db(), operator, list).await
    }

    /// Keeps which columns an operator wants to see.
    ///
    /// # Errors
    /// [`DbError`].
    pub async fn choose_columns(&self, operator: &str, list: List, columns: &[&str]) -> Result<(), DbError> {
        desk_choices::choose_columns(self.db(), operator, list, columns).await
    }
}
