//! The documents of printed codes, and of their shorter addresses.

pub const SHORT_URL: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<long_url><![CDATA[weixin://wxpay/bizpayurl?sign=F59EF9C5BC939966E08A77AE957026F9&appid=wxd930ea5d5a258f4f&mch_id=10000100&product_id=SKU-1001&time_stamp=1773540003&nonce_str=modeone0001]]></long_url>
<nonce_str><![CDATA[nonceSHORT00000001]]></nonce_str>
<sign><![CDATA[F3C6885BAF4FC62FD7E5C44D6FB6321B]]></sign>
</xml>";

pub const SHORT_URL_ANSWER: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<return_msg><![CDATA[OK]]></return_msg>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[nonceSHORT00000002]]></nonce_str>
<result_code><![CDATA[SUCCESS]]></result_code>
<short_url><![CDATA[weixin://wxpay/s/Xy12AbQ]]></short_url>
<sign><![CDATA[CEF6898B3D348900661CA6D2A58EB660]]></sign>
</xml>";

pub const CALLBACK: &str = "<xml>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<openid><![CDATA[oUpF8uMuAJO_M2pxb1Q9zNjWeS6o]]></openid>
<mch_id><![CDATA[10000100]]></mch_id>
<is_subscribe><![CDATA[N]]></is_subscribe>
<nonce_str><![CDATA[modeonecallback001]]></nonce_str>
<product_id><![CDATA[SKU-1001]]></product_id>
<sign><![CDATA[50A3196E3BBC299C43203BFEAC44317E]]></sign>
</xml>";

pub const CALLBACK_REPLY: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[modeonereply00001]]></nonce_str>
<prepay_id><![CDATA[wx20260315100003123456789abcdef01234]]></prepay_id>
<result_code><![CDATA[SUCCESS]]></result_code>
<sign><![CDATA[F00AB598FD9D6D1EEFF18B51A0293855]]></sign>
</xml>";

pub const CALLBACK_REFUSAL: &str = "<xml>
<return_code><![CDATA[SUCCESS]]></return_code>
<appid><![CDATA[wxd930ea5d5a258f4f]]></appid>
<mch_id><![CDATA[10000100]]></mch_id>
<nonce_str><![CDATA[modeonereply00002]]></nonce_str>
<prepay_id></prepay_id>
<result_code><![CDATA[FAIL]]></result_code>
<err_code_des><![CDATA[商品已下架]]></err_code_des>
<sign><![CDATA[E2BDCFB166297A230344611A8C3CCBA4]]></sign>
</xml>";
