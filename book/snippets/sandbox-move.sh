export SAOMA_WECHAT_APPID=wxd930ea5d5a258f4f SAOMA_WECHAT_MCH_ID=10000100
export SAOMA_WECHAT_BASE_URL=http://127.0.0.1:3080 SAOMA_WEIXIN_BASE_URL=http://127.0.0.1:3080 SAOMA_WEIXIN_OPEN_URL=http://127.0.0.1:3080
export SAOMA_PUBLIC_URL=http://127.0.0.1:3000 SAOMA_USER_TOKEN_SECRET=$(openssl rand -hex 32)
export SAOMA_WECHAT_API_KEY=192006250b4c09247ec02edce69f6a2d
saoma                                                      # by v2: place orders at http://127.0.0.1:3000
# stopped, and started again with v3 beside it:
export SAOMA_WECHAT_APIV3_KEY_FILE=$KEYS/apiv3_key.txt
export SAOMA_WECHAT_CERT=$KEYS/apiclient_cert.pem SAOMA_WECHAT_CERT_KEY=$KEYS/apiclient_key.pem
export SAOMA_WECHAT_PUBLIC_KEY=$KEYS/pub_key.pem SAOMA_WECHAT_PUBLIC_KEY_ID=$(cat $KEYS/pub_key_id.txt)
SAOMA_WECHAT_PROTOCOL=v3 saoma                             # what is open goes on by v2, new orders are by v3
SAOMA_WECHAT_PROTOCOL=v3 saoma doctor
