$wxpay = \WeChatPay\Builder::factory([
    'base_uri'   => 'http://127.0.0.1:3080/',
    'mchid'      => '10000100',
    'serial'     => $serial,                       // of apiclient_cert.pem
    'privateKey' => \WeChatPay\Crypto\Rsa::from('file:///path/apiclient_key.pem'),
    'certs'      => [$publicKeyId => \WeChatPay\Crypto\Rsa::from('file:///path/pub_key.pem', \WeChatPay\Crypto\Rsa::KEY_TYPE_PUBLIC)],
    'headers'    => ['Wechatpay-Serial' => $publicKeyId],
]);
