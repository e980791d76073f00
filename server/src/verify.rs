//! The files of `SAOMA_WECHAT_VERIFY`, by which WeChat sees whose domain this is. Only these names are served: a server that
//! echoed any name would let a stranger claim the domain for an account of his own.

use app::access::{Caller, Limit, Routes, Stranger};
use http::header;

use crate::{config::VerifyFile, state::Server};

pub(crate) fn routes(files: &[VerifyFile]) -> Routes<Server> {
    files.iter().fold(Routes::new(), |routes, file| {
        let content = file.content.clone();
        let answer = move || async move { ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], content) };
        let path = format!("/{}", file.name);
        routes.get(path, Caller::Stranger(Stranger::Program), Limit::Reads, answer)
    })
}
