//! The databases in `tests/fixtures`, as each release wrote them: the present version starts on every one and goes on with it.
//! They have orders and refunds in every state, exceptions, a reconciled day and an operator.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};

use super::{
    common::{SECRET, SUCCESS, Site, paid, signed},
    past::saoma,
};

/// Releases whose databases are kept: `{name}.db` for SQLite, `{name}.sql` for PostgreSQL.
const RELEASES: [&str; 1] = ["0.1.0"];

/// Runs `test` on a copy of each kept database, on both engines.
async fn on_each_release<F: Future<Output = ()>>(test: impl Fn(Site) -> F) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for release in RELEASES {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(fixtures.join(format!("{release}.db")), folder.path().join("saoma.db")).unwrap();
        let database = testdb::sqlite(folder.path());
        test(Site::start("", database, folder).await).await;

        test(Site::start("", on_postgres(release).await, tempfile::tempdir().unwrap()).await).await;
    }
}

/// A copy of a kept database on PostgreSQL.
async fn on_postgres(release: &str) -> String {
    let database = testdb::empty_postgres().await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{release}.sql"));
    let mut connection = sqlx::AnyConnection::connect(&database).await.unwrap();
    let dump = AssertSqlSafe(std::fs::read_to_string(file).unwrap());
    connection.execute(sqlx::raw_sql(dump)).await.unwrap();
    connection.close().await.unwrap();
    database
}

async fn number_of(site: &Site, user: &str) -> String {
    let mut connection = sqlx::AnyConnection::connect(&site.database).await.unwrap();
    let sql = "SELECT out_trade_no FROM orders WHERE user_id = $1";
    sqlx::query(sql).bind(user.to_owned()).fetch_one(&mut connection).await.unwrap().get(0)
}

#[tokio::test]
async fn the_database_of_each_release_is_brought_up_to_date_and_read() {
    on_each_release(|site: Site| async move {
        for (user, state, balance) in [
            ("u_paid", "paid", 3000),
            ("u_late", "paid", 2000),
            ("u_closed", "closed", 0),
            ("u_refund_succeeded", "paid", 2000),
        ] {
            let order = site.status(user, &number_of(&site, user).await).await;
            assert_eq!(
                (&order["state"], site.balance(user).await),
                (&state.into(), balance),
                "{user}: {order}"
            );
        }
        let variables = [("DATABASE_URL", site.database.as_str()), ("SAOMA_USER_TOKEN_SECRET", SECRET)];
        let (is_sound, said, wrong) = saoma(&std::env::temp_dir(), &["check"], &variables).await;
        assert!(is_sound, "{said}{wrong}");
        assert!(said.contains("12 orders") && said.contains(" 0 violations"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn a_late_notice_for_an_order_of_an_earlier_release_is_credited_once() {
    on_each_release(|site: Site| async move {
        let number = number_of(&site, "u_pending").await;
        let notice = signed(paid(&number, "1000"));
        for _ in 0..2 {
            let (status, answer) = site.notice(notice.clone()).await;
            assert_eq!((status.as_u16(), answer.as_str()), (200, SUCCESS));
        }
        site.until("u_pending", &number, "paid").await;
        assert_eq!(site.balance("u_pending").await, 1000);
    })
    .await;
}

#[tokio::test]
async fn tables_of_an_earlier_release_on_postgres_change_only_when_somebody_says_so() {
    for release in RELEASES {
        let database = on_postgres(release).await;
        let folder = tempfile::tempdir().unwrap();
        let variables = [("DATABASE_URL", database.as_str()), ("SAOMA_USER_TOKEN_SECRET", SECRET)];
        let run = async |command: &[&str]| saoma(folder.path(), command, &variables).await;
        let version = async || {
            let mut connection = sqlx::AnyConnection::connect(&database).await.unwrap();
            let last = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations");
            last.fetch_one(&mut connection).await.unwrap().get::<i64, _>(0)
        };
        let before = version().await;
        for command in [&["serve"][..], &["check"], &["admin", "list"], &["key", "list"], &["reconcile"]] {
            let (went_well, _, wrong) = run(command).await;
            assert!(!went_well && wrong.contains("saoma migrate"), "{command:?}: {wrong}");
            assert_eq!(version().await, before, "{command:?}");
        }
        let (went_well, said, wrong) = run(&["migrate"]).await;
        assert!(went_well, "{said}{wrong}");
        assert!(version().await > before);
        let (went_well, said, wrong) = run(&["check"]).await;
        assert!(went_well, "{said}{wrong}");
    }
}
