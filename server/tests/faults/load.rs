//! WeChat's part: notices posted by many at once, again and again until they are answered SUCCESS.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::till::Due;
use super::wire::Wire;

pub const SUCCESS: &str =
    "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";

/// WeChat hangs up after this. Source: protocol A11.1.
const WECHAT_WAITS: Duration = Duration::from_secs(5);

/// Everybody takes a breath after each answer, so that a fast machine has not done everything before anything went wrong.
const BREATH: Duration = Duration::from_millis(10);

/// Shared by all who post.
pub struct Load {
    orders: Arc<Vec<Due>>,
    acknowledged: Mutex<Vec<bool>>,
    next: AtomicUsize,
    /// Answers of 503: to be sent again.
    pub later: AtomicUsize,
    /// Connections that broke or hung.
    pub broken: AtomicUsize,
    /// Connections that were refused: nobody listened.
    pub refused: AtomicUsize,
    stopped: AtomicBool,
}

impl Load {
    pub fn new(orders: &Arc<Vec<Due>>) -> Arc<Load> {
        Load::after(orders, vec![false; orders.len()])
    }

    /// Goes on where an earlier load ended.
    pub fn after(orders: &Arc<Vec<Due>>, acknowledged: Vec<bool>) -> Arc<Load> {
        Arc::new(Load {
            orders: Arc::clone(orders),
            acknowledged: Mutex::new(acknowledged),
            next: AtomicUsize::new(0),
            later: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        })
    }

    pub fn acknowledged(&self) -> Vec<bool> {
        self.acknowledged.lock().unwrap().clone()
    }

    pub fn waiting(&self) -> usize {
        self.acknowledged.lock().unwrap().iter().filter(|done| !**done).count()
    }

    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Posts from `connections` at once until all is acknowledged or somebody says stop. Every fourth notice is one that was
    /// acknowledged already, as WeChat sends them too.
    pub fn run(self: &Arc<Load>, addr: &str, connections: usize) -> JoinSet<()> {
        let mut posting = JoinSet::new();
        for _ in 0..connections {
            let (load, addr) = (Arc::clone(self), addr.to_owned());
            posting.spawn(async move { load.post(&addr).await });
        }
        posting
    }

    async fn post(&self, addr: &str) {
        let mut wire = None;
        while !self.stopped.load(Ordering::SeqCst) {
            let Some(index) = self.pick() else { return };
            let open = match wire.take() {
                Some(open) => Ok(open),
                None => Wire::open(addr).await,
            };
            let mut open = match open {
                Ok(open) => open,
                Err(error) => {
                    if error.kind() == ErrorKind::ConnectionRefused {
                        self.refused.fetch_add(1, Ordering::SeqCst);
                    }
                    self.broken.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_millis(20)).await;
                    continue;
                }
            };
            match timeout(WECHAT_WAITS, open.post(&self.orders[index].notice)).await {
                Ok(Ok((200, body))) => {
                    assert_eq!(body, SUCCESS);
                    self.acknowledged.lock().unwrap()[index] = true;
                    wire = Some(open);
                    sleep(BREATH).await;
                }
                Ok(Ok((503, body))) => {
                    assert!(body.contains("<![CDATA[FAIL]]>"), "{body}");
                    self.later.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_millis(50)).await;
                    wire = Some(open);
                }
                Ok(Ok((status, body))) => panic!("{status}: {body}"),
                Ok(Err(_)) | Err(_) => {
                    self.broken.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    /// The next notice to send; `None` once all are acknowledged.
    fn pick(&self) -> Option<usize> {
        let acknowledged = self.acknowledged.lock().unwrap();
        let at = self.next.fetch_add(1, Ordering::SeqCst);
        let repeat = at % 4 == 3;
        let from = at % acknowledged.len();
        let all = (from..acknowledged.len()).chain(0..from);
        let waiting = || all.clone().find(|index| !acknowledged[*index]);
        waiting()?;
        if repeat { all.clone().find(|index| acknowledged[*index]).or_else(waiting) } else { waiting() }
    }
}
