//! Both engines get the same tables.

use crate::db::migrations::embedded;

/// A migration's statements, without what the engines say each in their own way: comments, spaces, `COLLATE "C"`,
/// `WITHOUT ROWID`, triggers and their functions.
fn common_text(sql: &str) -> String {
    let mut text = String::new();
    let mut in_trigger = false;
    for line in sql.lines().map(str::trim).filter(|line| !line.starts_with("--")) {
        in_trigger |= line.starts_with("CREATE TRIGGER") || line.starts_with("CREATE FUNCTION");
        if !in_trigger {
            text += line;
            text.push(' ');
        }
        in_trigger &= !["END;", "$$;", "();"].iter().any(|end| line.ends_with(end));
    }
    let text = text.replace("COLLATE \"C\"", "").replace(") WITHOUT ROWID", ")");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    [",", ";", ")"].iter().fold(text, |text, sign| text.replace(&format!(" {sign}"), sign))
}

/// Versions that differ in their statements: a function that only PostgreSQL lacks, tables that SQLite has to make
/// anew where PostgreSQL alters them, and columns that get the order of bytes, which SQLite's have. `both_engines_end_with_the_same_columns_and_indexes` covers what they lead to.
const DIFFERENT: [i64; 4] = [0, 18, 31, 40];

#[test]
fn both_engines_are_given_the_same_statements() {
    let both = [embedded::SQLITE, embedded::POSTGRES].map(|files| {
        let files = files.iter().filter(|(version, ..)| !DIFFERENT.contains(version));
        files.map(|(version, name, sql)| (*version, *name, common_text(sql))).collect::<Vec<_>>()
    });
    assert!(both[0].len() >= 12 && both[0].iter().all(|(.., text)| text.len() > 40), "{both:?}");
    for (sqlite, postgres) in both[0].iter().zip(&both[1]) {
        assert_eq!(sqlite, postgres);
    }
    assert_eq!(both[0].len(), both[1].len());
}

/// Columns, and indexes of columns; one of an expression has none.
const SQLITE_SCHEMA: &str = "
    SELECT t.name || '.' || c.name || ' ' || lower(c.type) || CASE c.\"notnull\" WHEN 1 THEN ' not null' ELSE '' END
        FROM sqlite_master t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name NOT LIKE '\\_%' ESCAPE '\\' AND t.name NOT LIKE 'sqlite%'
    UNION ALL
    SELECT 'index ' || i.tbl_name || ' ' || i.name || ' ' || group_concat(c.name)
        FROM sqlite_master i, pragma_index_info(i.name) c
        WHERE i.type = 'index' AND i.sql IS NOT NULL GROUP BY i.tbl_name, i.name HAVING group_concat(c.name) IS NOT NULL";
const POSTGRES_SCHEMA: &str = "
    SELECT table_name || '.' || column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'
    UNION ALL
    SELECT 'index ' || t.relname || ' ' || i.relname || ' ' || string_agg(a.attname, ',' ORDER BY array_position(x.indkey::int2[], a.attnum))
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (x.indkey)
        WHERE t.relnamespace = 'public'::regnamespace AND t.relname NOT LIKE '\\_%'
            AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.oid)
        GROUP BY t.relname, i.relname";

#[tokio::test]
async fn both_engines_end_with_the_same_columns_and_indexes() {
    let (_folder, [sqlite, postgres]) = testdb::both_empty().await;
    let mut schemas = Vec::new();
    for (url, sql) in [(sqlite, SQLITE_SCHEMA), (postgres, POSTGRES_SCHEMA)] {
        let db = crate::Db::open(&url).await.unwrap();
        let rows = sqlx::query(sql).fetch_all(db.pool()).await.unwrap();
        let mut schema: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, 0)).collect();
        schema.sort();
        // The sandbox's tables are not made here.
        assert!(schema.len() > 90, "{schema:?}");
        schemas.push(schema);
    }
    assert_eq!(schemas[0], schemas[1]);
}

#[test]
fn a_column_that_one_engine_lacks_is_seen() {
    let sqlite = "-- Words.\nCREATE TABLE a (b TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;\nCREATE TRIGGER t BEFORE UPDATE ON a\nBEGIN SELECT 1; END;";
    let postgres = "CREATE TABLE a (b TEXT COLLATE \"C\" NOT NULL PRIMARY KEY);\nCREATE TRIGGER t BEFORE UPDATE ON a EXECUTE FUNCTION f();";
    assert_eq!(common_text(sqlite), common_text(postgres));
    assert_ne!(common_text(sqlite), common_text(&postgres.replace("b TEXT", "b BIGINT")));
    assert_ne!(common_text(&sqlite.replace("NOT NULL ", "")), common_text(postgres));
}
