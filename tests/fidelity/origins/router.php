<?php
// The router of PHP's built-in server; what it does not know is a file.
$path = explode('?', $_SERVER['REQUEST_URI'])[0];
if ($path === '/echo' || str_starts_with($path, '/echo/')) {
    $body = file_get_contents('php://input');
    header('Content-Type: application/json');
    echo json_encode([
        'method' => $_SERVER['REQUEST_METHOD'],
        'url' => $_SERVER['REQUEST_URI'],
        'path' => base64_encode($_SERVER['PATH_INFO'] ?? ''),
        'get' => base64_encode(serialize($_GET)),
        'post' => $_POST,
        'files' => array_keys($_FILES),
        'length' => strlen($body),
        'sha256' => hash('sha256', $body),
    ]);
    return true;
}
$replies = json_decode(file_get_contents(getenv('REPLIES')), true);
$wanted = str_starts_with($path, '/reply/') ? ($replies[substr($path, 7)] ?? null) : null;
if ($wanted === null) {
    return false;
}
header_remove('X-Powered-By');
foreach ($wanted['headers'] ?? [] as [$name, $value]) {
    if ($name !== 'Trailer') {
        header("$name: $value", false);
    }
}
http_response_code($wanted['status'] ?? 200);
if (isset($wanted['reason'])) {
    header('HTTP/1.1 ' . ($wanted['status'] ?? 200) . ' ' . $wanted['reason']);
}
foreach ($wanted['parts'] ?? [base64_decode($wanted['body'] ?? '')] as $index => $part) {
    if ($index > 0) {
        usleep(200000);
    }
    echo $part;
    if (isset($wanted['parts'])) {
        flush();
    }
}
