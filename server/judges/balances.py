"""Recomputes what every user has from the raw tables, in another language and without Saoma's rules: from orders, refunds, debits,
reversals, holds and grants on one side, from the ledger on the other. Prints each difference; ends with 1 if there is one.

    python3 balances.py sqlite:///var/lib/saoma/saoma.db        python3 balances.py postgres://saoma@127.0.0.1/saoma
"""
import collections
import json
import sqlite3
import subprocess
import sys


def rows(database, sql):
    """As lists. PostgreSQL is asked by its own psql, so that no driver is needed."""
    if database.startswith("sqlite:"):
        connection = sqlite3.connect(f"file:{database.split('//', 1)[1]}?mode=ro", uri=True)
        return connection.execute(sql).fetchall()
    text = f"SELECT coalesce(json_agg(to_json(array(SELECT value FROM json_each_text(to_json(t))))), '[]') FROM ({sql}) t"
    told = subprocess.run(["psql", "-XAtq", database, "-c", text], check=True, capture_output=True, text=True)
    return json.loads(told.stdout)


def main(database):
    moved, chains, held = collections.Counter(), collections.defaultdict(list), collections.Counter()
    # What happened, thing by thing.
    for user, fee, bonus in rows(database, "SELECT user_id, total_fee, bonus FROM orders WHERE credited_at IS NOT NULL AND COALESCE(made_by, '') NOT LIKE 'epay:%'"):
        moved[user] += int(fee) + int(bonus)
    for user, taken in rows(database, "SELECT user_id, taken FROM refunds WHERE state <> 'closed' AND taken > 0"):
        moved[user] -= int(taken)
    back = collections.Counter()
    for debit, amount in rows(database, "SELECT debit_id, amount FROM reversals"):
        back[debit] += int(amount)
    for debit, user, amount, reversed_ in rows(database, "SELECT id, user_id, amount, reversed FROM debits"):
        moved[user] += back[debit] - int(amount)
        if not 0 <= back[debit] == int(reversed_) <= int(amount):
            yield f"debit {debit} of {amount}: {reversed_} reversed, its reversals sum to {back[debit]}"
    for user, amount in rows(database, "SELECT user_id, amount FROM grants"):
        moved[user] += int(amount)
    # Payments that an operator credited by hand have no row but the ledger's.
    for user, amount in rows(database, "SELECT user_id, amount FROM ledger WHERE entry LIKE 'credit %'"):
        moved[user] += int(amount)
    for user, amount in rows(database, "SELECT user_id, amount FROM holds WHERE state = 'open'"):
        held[user] += int(amount)
    # What the ledger says.
    ledger = "SELECT user_id, seq, amount, balance_after FROM ledger WHERE seq IS NOT NULL ORDER BY user_id, seq"
    for user, seq, amount, after in rows(database, ledger):
        chains[user].append((int(seq), int(amount), int(after)))
    accounts = rows(database, "SELECT user_id, balance, held, entries, opening FROM accounts")
    for user, balance, account_held, entries, opening in accounts:
        running = int(opening)
        for place, (seq, amount, after) in enumerate(chains[user], 1):
            running += amount
            if (seq, after) != (place, running):
                yield f"row {seq} of {user}'s ledger leaves {after}; it is the row {place} and leaves {running}"
        for what, theirs, ours in [
            ("balance", int(balance), running),
            ("balance", int(balance), int(opening) + moved[user]),
            ("held", int(account_held), held[user]),
            ("entries", int(entries), len(chains[user])),
        ]:
            if theirs != ours:
                yield f"{what} of {user} is {theirs}, and {ours} follows from the tables"
    for user in (moved.keys() | chains.keys() | held.keys()) - {account[0] for account in accounts}:
        if moved[user] or chains[user] or held[user]:
            yield f"{user} has no account"
    print(f"{len(accounts)} accounts", file=sys.stderr)


if __name__ == "__main__":
    differences = list(main(sys.argv[1]))
    print("\n".join(differences))
    sys.exit(1 if differences else 0)
