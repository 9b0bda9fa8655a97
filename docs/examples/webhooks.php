<?php
// A receiver of webhooks, run by `php -S 127.0.0.1:PORT webhooks.php`: WEBHOOK_SECRET is in the environment.

// Whether X-Edesy-Signature-V2 is this secret's, over this raw body, and no older than five minutes.
function is_genuine(string $body, string $header, string $secret): bool
{
    if (!preg_match('/\At=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,8})\z/', $header, $match)) {
        return false;
    }
    if (abs(time() - (int) $match[1]) > 300) {
        return false;
    }
    $wanted = hash_hmac('sha256', $match[1] . '.' . $body, $secret);
    foreach (array_slice(explode(',v1=', $match[2]), 1) as $given) {
        if (hash_equals($wanted, $given)) {
            return true;
        }
    }
    return false;
}

$body = file_get_contents('php://input');
$header = $_SERVER['HTTP_X_EDESY_SIGNATURE_V2'] ?? '';
if (!is_genuine($body, $header, getenv('WEBHOOK_SECRET'))) {
    http_response_code(401);
    exit;
}
http_response_code(204);
$event = json_decode($body, true);
// Look $event['event_id'] up in your database first: an event may come twice.
error_log($event['event'] . ' ' . $event['sequence']);
