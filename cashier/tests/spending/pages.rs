//! What is listed: users, rows of the ledger, holds.

use recharge::ledger::{LedgerKey, Subject};
use recharge::spend::ReversalRequest;

use super::*;
use crate::common::{debit, on_both, site};

#[tokio::test]
async fn a_users_ledger_is_paged_from_the_newest_row_back_with_the_balance_after_each() {
    on_both(|harness| async move {
        let order = harness.paid(1000, 50).await;
        let made = harness.cashier.debit(debit("u_1", 300), site()).await.unwrap().debit;
        let request = ReversalRequest {
            debit_id: made.id.clone(),
            amount: None,
            reference: reference("r"),
            reason: reason(),
        };
        let reversed = harness.cashier.reverse_debit(request, caller()).await.unwrap().reversal;
        let granted = grant(&harness, "u_1", -50, "g").await.grant;
        let refund = harness.cashier.refund(crate::common::refund_wish(&harness, &order, 1000), by()).await;
        assert!(refund.is_err(), "1000 are there, and 1050 were credited");
        let page = harness.cashier.ledger("u_1", None, 3).await.unwrap();
        let rest = harness.cashier.ledger("u_1", Some(page[2].place.unwrap().seq), 3).await.unwrap();
        let rows: Vec<_> = page.iter().chain(&rest).collect();
        let places: Vec<_> = rows.iter().map(|row| row.place.unwrap()).collect();
        let seqs: Vec<_> = places.iter().map(|place| (place.seq, place.balance_after.get())).collect();
        assert_eq!(seqs, [(4, 1000), (3, 1050), (2, 750), (1, 1050)]);
        let keys: Vec<_> = rows.iter().map(|row| (row.key.clone(), row.subject.clone())).collect();
        assert_eq!(
            keys,
            [
                (LedgerKey::Grant, Subject::Grant(granted.id)),
                (LedgerKey::Reversal(reversed.id), Subject::Debit(made.id.clone())),
                (LedgerKey::Debit, Subject::Debit(made.id)),
                (LedgerKey::Credit, Subject::Order(order.out_trade_no)),
            ]
        );
        assert_eq!(rows[2].author, site());
        harness.check().await;
    })
    .await;
}

#[tokio::test]
async fn users_are_listed_by_id_and_keep_their_names_when_something_without_a_name_moves_them() {
    on_both(|harness| async move {
        harness.paid(1000, 0).await;
        harness.spend("u_1", 1).await;
        for (user, name) in [("u_3", "g1"), ("u_2", "g2"), ("用户", "g3")] {
            grant(&harness, user, 5, name).await;
        }
        let first = harness.cashier.accounts("", 2).await.unwrap();
        let rest = harness.cashier.accounts(&first[1].0.id, 9).await.unwrap();
        let listed: Vec<_> =
            first.iter().chain(&rest).map(|(user, account)| (user.id.as_str(), account)).collect();
        let balances: Vec<_> = listed.iter().map(|(id, account)| (*id, account.balance.get())).collect();
        assert_eq!(balances, [("u_1", 999), ("u_2", 5), ("u_3", 5), ("用户", 5)]);
        assert_eq!(first[0].0.name, "小林");
        let asked = harness.cashier.accounts_of(&["u_3", "nobody", "u_1"]).await.unwrap();
        assert_eq!(asked.len(), 2);
        assert_eq!(harness.cashier.account_of("nobody").await.unwrap(), Account::default());
    })
    .await;
}
