<?php
// Sells and spends credit with Saoma: one file for PHP 8 with curl, without Composer. Take what you need of it.
//   SAOMA_URL=http://127.0.0.1:3000 SAOMA_KEY=saoma_… php saoma.php story lin
//     (a key with sessions:write, recharges:write, spend:write and balances:read; lin needs 8.05 yuan)
//   SAOMA_URL=… SAOMA_KEY=… php saoma.php call GET '/events?wait_s=25'
//   SAOMA_WEBHOOK_SECRETS=whsec_… CREDITED=/var/lib/site/credited php -S 127.0.0.1:8080 saoma.php
declare(strict_types=1);

/** What Saoma refused: the status as code, and $problem with code, detail, and available where a balance is too low. */
class Refused extends RuntimeException
{
    public function __construct(int $status, public readonly array $problem)
    {
        parent::__construct("$status " . ($problem['code'] ?? '') . ': ' . ($problem['detail'] ?? ''), $status);
    }
}

/**
 * One call. It is repeated while nobody knows what became of it, which is safe: whatever moves money has a reference, and the
 * same reference is done once, however often it is asked for. Nobody knows after a time-out, and after a 5xx without JSON: that
 * is not Saoma's but of a proxy before it, and the call may have got through.
 */
function call(string $method, string $path, ?array $body = null): array
{
    // With wait_s the answer may take that much longer.
    $seconds = 15 + (preg_match('/[?&]wait_s=(\d+)/', $path, $found) ? (int) $found[1] : 0);
    for ($attempt = 0;; $attempt++) {
        $curl = curl_init(getenv('SAOMA_URL') . '/api/v1' . $path);
        $headers = ['Authorization: Bearer ' . getenv('SAOMA_KEY')];
        if ($body !== null) {
            $headers[] = 'Content-Type: application/json';
            curl_setopt($curl, CURLOPT_POSTFIELDS, json_encode($body, JSON_THROW_ON_ERROR));
        }
        $wait = 0.2 * 2 ** $attempt;
        curl_setopt_array($curl, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => $seconds,
            CURLOPT_HEADERFUNCTION => function ($curl, string $line) use (&$wait): int {
                if (preg_match('/^retry-after: *(\d+)\s*$/i', $line, $found)) {
                    $wait = (float) $found[1];
                }
                return strlen($line);
            },
        ]);
        $answer = curl_exec($curl);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        if ($answer === false) {
            $lost = new Refused(0, ['code' => 'no_answer', 'detail' => curl_error($curl)]);
        } else {
            $is_done = $status >= 200 && $status < 300;
            $read = $is_done && $answer === '' ? [] : json_decode($answer, true, 64); // 204 has no body
            if ($is_done && is_array($read)) {
                return $read;
            }
            $problem = is_array($read) ? $read : ['code' => 'not_json', 'detail' => substr($answer, 0, 200)];
            $lost = new Refused($status, $problem);
            if ($status !== 429 && $status !== 503 && ($status < 500 || is_array($read))) {
                throw $lost;
            }
        }
        if ($attempt === 5) {
            throw $lost;
        }
        usleep((int) ($wait * 1_000_000));
    }
}

/** An address to send the user to, who then sees his balance and tops up. Valid for ten minutes. */
function session_link(string $user): string
{
    return call('POST', '/sessions', ['user' => $user])['url'];
}

/** A recharge for a page of your own: draw code_url as a QR code. Amounts are fen. */
function recharge(string $user, int $total_fee, string $reference): array
{
    return call('POST', '/recharges', ['user' => $user, 'total_fee' => $total_fee, 'reference' => $reference]);
}

/** Takes from the balance. Throws Refused with code 402 where too little is available: send the user to session_link(). */
function debit(string $user, int $amount, string $reference, string $reason): array
{
    return call('POST', '/debits', ['user' => $user, 'amount' => $amount, 'reference' => $reference, 'reason' => $reason]);
}

/** Gives a debit back, or a part of it. */
function reverse(array $debit, int $amount, string $reference, string $reason): array
{
    $body = ['amount' => $amount, 'reference' => $reference, 'reason' => $reason];
    return call('POST', '/debits/' . rawurlencode($debit['id']) . '/reversals', $body);
}

/** What the user has: balance, what of it is held, and what is available. */
function balance(string $user): array
{
    return call('GET', '/users/' . rawurlencode($user));
}

/** Sets something aside before work whose price is not known yet. */
function hold(string $user, int $amount, string $reference, string $reason): array
{
    return call('POST', '/holds', ['user' => $user, 'amount' => $amount, 'reference' => $reference, 'reason' => $reason]);
}

/** Takes what the work came to, and frees the rest of the hold. */
function capture(array $hold, int $amount): array
{
    return call('POST', '/holds/' . rawurlencode($hold['id']) . '/capture', ['amount' => $amount]);
}

/** Frees the hold. */
function release(array $hold): array
{
    return call('POST', '/holds/' . rawurlencode($hold['id']) . '/void');
}

/**
 * The event of a delivery. $body is the raw body, byte for byte: parse it only after this. Throws if it is not Saoma's, or older
 * than five minutes. While a secret is rotated there are two of them.
 */
function verify(string $body, string $id, string $stamp, string $signatures): array
{
    if ($id === '' || !ctype_digit($stamp) || abs(time() - (int) $stamp) > 300) {
        throw new RuntimeException('no id, or another time');
    }
    foreach (explode(' ', (string) getenv('SAOMA_WEBHOOK_SECRETS')) as $secret) {
        $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
        if ($key === false || $key === '') {
            continue;
        }
        $right = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$stamp.$body", $key, true));
        foreach (explode(' ', $signatures) as $given) {
            if (hash_equals($right, $given)) {
                return json_decode($body, true, 64, JSON_THROW_ON_ERROR);
            }
        }
    }
    throw new RuntimeException('not signed with our secret');
}

/**
 * For a site that keeps the balances itself (balance_kept_by = "site"). Where Saoma keeps them, the default, it has added the
 * payment already: such a site adds nothing to a balance of its own, and the event only tells.
 *
 * Credits a recharge once. Here a file per number stands for it; in your program it is a row with out_trade_no as its key,
 * written in the transaction that credits. The number decides, not the delivery: after a restore from a backup the same payment
 * may come in a new delivery.
 */
function credit_once(array $recharge): bool
{
    $file = @fopen(getenv('CREDITED') . '/' . basename($recharge['out_trade_no']), 'x');
    if ($file === false) {
        return false;
    }
    fwrite($file, "{$recharge['user']} {$recharge['credited']}\n");
    fsync($file);
    return fclose($file);
}

function receive(): void
{
    $header = fn (string $name): string => $_SERVER['HTTP_WEBHOOK_' . $name] ?? '';
    try {
        $body = file_get_contents('php://input');
        $event = verify($body, $header('ID'), $header('TIMESTAMP'), $header('SIGNATURE'));
    } catch (RuntimeException $error) {
        http_response_code(401);
        echo $error->getMessage();
        return;
    }
    // 2xx says that it is stored. Whatever else is answered, it comes again.
    // A late payment that goes back has nothing credited; if it is credited after all, the event comes again.
    $recharge = $event['data']['recharge'] ?? [];
    $is_paid = in_array($event['type'], ['recharge.paid', 'recharge.paid_late'], true) && $recharge['credited'] > 0;
    echo $is_paid && credit_once($recharge) ? 'credited' : 'nothing to do';
}

function story(string $user): void
{
    $told = fn (string $step, mixed $value) => print(json_encode(['step' => $step, 'value' => $value]) . "\n");
    $run = uniqid();
    $told('link', session_link($user));
    $told('code_url', recharge($user, 1000, "order-$run")['code_url']);
    $first = debit($user, 300, "vip-$run", 'VIP 30 days');
    $told('debit', $first);
    $told('again', debit($user, 300, "vip-$run", 'VIP 30 days')['id'] === $first['id']);
    $told('captured', capture(hold($user, 500, "job-$run", 'translation'), 312));
    release(hold($user, 5, "job-$run-b", 'translation'));
    $told('reversed', reverse($first, 100, "vip-$run", '10 days less'));
    $told('available', balance($user)['available']);
    try {
        debit($user, 100_000_000_000, "vip-$run-b", 'VIP for ever');
    } catch (Refused $refused) {
        $told('too much', $refused->getCode());
    }
}

// Only when it is run itself, and not where it is required.
if (realpath($_SERVER['SCRIPT_FILENAME']) === __FILE__) {
    if (PHP_SAPI !== 'cli') {
        receive();
    } elseif (($argv[1] ?? '') === 'story') {
        story($argv[2]);
    } elseif (($argv[1] ?? '') === 'call') {
        echo json_encode(call($argv[2], $argv[3])), "\n";
    }
}
