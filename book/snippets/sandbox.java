OkHttpClient toSandbox = new OkHttpClient.Builder().addInterceptor(chain -> {
  HttpUrl url = chain.request().url().newBuilder().scheme("http").host("127.0.0.1").port(3080).build();
  return chain.proceed(chain.request().newBuilder().url(url).build());
}).build();
HttpClient http = new DefaultHttpClientBuilder().config(config).okHttpClient(toSandbox).build();
NativePayService service = new NativePayService.Builder().httpClient(http).build();
