//! What changes for a merchant that speaks API v3 while orders, refunds and bills are under way: the protocol of new orders,
//! WeChat's keys, and its own. And somebody who has the v2 key tries what that is good for.

use axum::http::HeaderMap;
use rand::RngExt;
use recharge::notify_url;
use sandbox::Rotation;
use wxpay::Protocol;
use wxpay::v2::{Fields, sign};

use crate::merchant::Speaks;
use crate::notices::{Flaw, Note};
use crate::oracle::Broken;
use crate::receiving::Posted;
use crate::world::World;

impl World {
    pub fn speaks_v3(&self) -> bool {
        self.common.identity.v3.is_some()
    }

    /// One thing that happens only to a merchant that speaks v3.
    pub fn change(&mut self) -> Result<(), Broken> {
        match (self.common.identity.speaks, self.one_of(8)) {
            (Speaks::Both, 0..3) => self.switch(),
            (Speaks::Both, 3) => self.take_credentials(),
            (_, 0..6) => return self.tell_by_v2(),
            (_, 6) => self.rotate_certificate(),
            _ => self.change_own_keys(),
        }
        Ok(())
    }

    /// New orders go by the other protocol.
    fn switch(&mut self) {
        let first = &mut self.common.identity.first;
        *first = first.other();
        self.note(format!("new orders go by {:?}", self.common.identity.first));
        self.restart_one();
    }

    /// One machine is started again with the credentials of one protocol only, until it is started the next time.
    fn take_credentials(&mut self) {
        let machine = self.one_of(self.machines.len());
        let speaks = [Speaks::V2, Speaks::V3][self.one_of(2)];
        self.note(format!("machine {machine} has credentials for {speaks:?} only"));
        if self.machines[machine].process.is_some() {
            self.crash(machine);
        }
        let mut common = self.common.clone();
        common.identity.speaks = speaks;
        self.start_with(machine, common);
        self.settings_version += 1;
    }

    /// WeChat signs with another certificate from now on.
    fn rotate_certificate(&mut self) {
        self.office.block_on(self.sandbox.rotate(Rotation::default())).unwrap();
        self.note("WeChat has a new certificate".to_owned());
    }

    /// The merchant sets another APIv3 key, or gets WeChat's public key.
    fn change_own_keys(&mut self) {
        let is_seal = self.rng.random_bool(0.5);
        let key = format!("TestOnlyApiV3Key{:0>16}", self.log.len());
        let sandbox = self.sandbox.clone();
        let Some(v3) = &mut self.common.identity.v3 else { return };
        if is_seal {
            v3.set_key(&key);
            self.office
                .block_on(sandbox.rotate(Rotation { apiv3: Some(key), ..Rotation::default() }))
                .unwrap();
            self.note("the APIv3 key is another one".to_owned());
        } else {
            v3.take_public_key(&sandbox);
            self.note("the merchant has WeChat's public key".to_owned());
        }
        self.restart_one();
    }

    /// One machine is started again with the new settings; the other one goes on with what it has until it is.
    fn restart_one(&mut self) {
        self.settings_version += 1;
        let machine = self.one_of(self.machines.len());
        if self.machines[machine].process.is_some() {
            self.crash(machine);
        }
        self.start(machine);
    }

    /// Starts every machine again whose settings are not the present ones.
    pub fn restart_outdated(&mut self) {
        for machine in 0..self.machines.len() {
            let is_outdated = self.machines[machine].settings_version < self.settings_version;
            if is_outdated && self.machines[machine].process.is_some() {
                self.crash(machine);
                self.start(machine);
            }
        }
    }

    /// Somebody who has the v2 key tells that an order of v3 was paid.
    fn tell_by_v2(&mut self) -> Result<(), Broken> {
        let (Some(machine), Some(seen)) = (self.any_alive(), self.any_seen()) else { return Ok(()) };
        let order = self.sandbox.order(&seen.number).expect("it was shown");
        if order.signing.protocol() == Protocol::V2 {
            return Ok(());
        }
        let merchant = &self.common.identity.v2;
        let transaction = format!("4200009999{:0>18}", self.log.len());
        let fields = Fields::new()
            .with("return_code", "SUCCESS")
            .with("result_code", "SUCCESS")
            .with("appid", order.appid())
            .with("mch_id", merchant.mch_id.as_str())
            .with("trade_type", order.trade_type())
            .with("total_fee", order.total_fee.get().to_string())
            .with("transaction_id", transaction.as_str())
            .with("out_trade_no", seen.number.as_str())
            .with("time_end", self.wechat.now().to_beijing());
        let signed = sign::sign(&fields, &merchant.key, merchant.sign_type);
        let body = fields.with("sign", signed).to_xml();
        let posted = Posted { path: notify_url::PAYMENT_V2.to_owned(), headers: HeaderMap::new(), body };
        let flaw = Some(Flaw::OtherProtocol);
        let note = Note { posted, number: seen.number, transaction, flaw, right: true, of_refund: false };
        self.pile.push(note.clone());
        self.deliver(machine, &note).map(drop)
    }
}
