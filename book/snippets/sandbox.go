type toSandbox struct{}

func (toSandbox) RoundTrip(r *http.Request) (*http.Response, error) {
    r = r.Clone(r.Context())
    r.URL.Scheme, r.URL.Host, r.Host = "http", "127.0.0.1:3080", "127.0.0.1:3080"
    return http.DefaultTransport.RoundTrip(r)
}

client, err := core.NewClient(ctx,
    option.WithWechatPayPublicKeyAuthCipher("10000100", serial, privateKey, publicKeyID, publicKey),
    option.WithHTTPClient(&http.Client{Transport: toSandbox{}}),
)
