//! A real merchant behind plain http, which the settings allow.

use reqwest::header::{COOKIE, HOST, ORIGIN};
use server::{
    config::{self, Secret},
    start,
};

use super::common::{PASSWORD, SECRET, client};

#[tokio::test]
async fn the_desk_warns_of_plain_http() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!(
        "addr = \"127.0.0.1:0\"\npublic_url = \"http://pay.example.com\"\nallow_plain_http = true\n\
         user_token_secret = \"{SECRET}\"\nadmin_password = \"{PASSWORD}\"\n\
         wechat_appid = \"wx2421b1c4370ec43b\"\nwechat_mch_id = \"1900009851\"\n\
         wechat_api_key = \"0123456789abcdef0123456789ABCDEF\"\nwechat_base_url = \"http://127.0.0.1:1\"\n"
    );
    let file = folder.path().join("saoma.toml");
    std::fs::write(&file, settings).unwrap();
    let mut config = config::load(Some(&file)).unwrap();
    config.database_url = Secret::new(testdb::sqlite(folder.path()));
    let running = start::start(config).await.unwrap();
    let (http, url) = (client(), format!("http://{}", running.addr));
    let form = [("name", "admin"), ("password", PASSWORD)];
    let request = http.post(format!("{url}/admin/login")).form(&form);
    let request = request.header(HOST, "pay.example.com").header(ORIGIN, "http://pay.example.com");
    let signed_in = request.send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let get = async |path: &str| {
        let page = http.get(format!("{url}{path}")).header(HOST, "pay.example.com").header(COOKIE, &cookie);
        page.send().await.unwrap()
    };
    // Where real money moves, the first password is only good for choosing another.
    assert_eq!(get("/admin").await.headers()["location"], "/admin/me?first=1");
    let form = [("password", PASSWORD), ("new", "another horse battery"), ("again", "another horse battery")];
    let request = http.post(format!("{url}/admin/me/password")).form(&form).header(COOKIE, &cookie);
    let request = request.header(HOST, "pay.example.com").header(ORIGIN, "http://pay.example.com");
    assert_eq!(request.send().await.unwrap().headers()["location"], "/admin/me?said=password");
    let page = get("/admin").await.text().await.unwrap();
    assert!(page.contains("SAOMA_ALLOW_PLAIN_HTTP"), "{page}");
    running.stop().await;
}
