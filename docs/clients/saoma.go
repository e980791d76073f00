// Sells and spends credit with Saoma: one file for Go 1.19 and later, standard library only. Take what you need of it.
//
//	SAOMA_URL=http://127.0.0.1:3000 SAOMA_KEY=saoma_… go run saoma.go story lin
//	  (a key with sessions:write, recharges:write, spend:write and balances:read; lin needs 8.05 yuan)
//	SAOMA_URL=… SAOMA_KEY=… go run saoma.go call GET '/events?wait_s=25'
//	SAOMA_WEBHOOK_SECRETS=whsec_… CREDITED=/var/lib/site/credited go run saoma.go serve 8080
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

type object = map[string]any

// Refused is what Saoma refused: its status, and a problem with code, detail, and available where a balance is too low.
type Refused struct {
	Status  int
	Problem object
}

func (r *Refused) Error() string {
	return fmt.Sprintf("%d %v: %v", r.Status, r.Problem["code"], r.Problem["detail"])
}

// Call makes one call. It is repeated while nobody knows what became of it, which is safe: whatever moves money has a
// reference, and the same reference is done once, however often it is asked for. Nobody knows after a time-out, and after a 5xx
// without JSON: that is not Saoma's but of a proxy before it, and the call may have got through.
func Call(method, path string, body object) (object, error) {
	var sent []byte
	if body != nil {
		sent, _ = json.Marshal(body) // texts and numbers always can be
	}
	for attempt := 0; ; attempt++ {
		request, err := http.NewRequest(method, os.Getenv("SAOMA_URL")+"/api/v1"+path, bytes.NewReader(sent))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", "Bearer "+os.Getenv("SAOMA_KEY"))
		if body != nil {
			request.Header.Set("Content-Type", "application/json")
		}
		seconds, _ := strconv.Atoi(request.URL.Query().Get("wait_s")) // so long the answer may take besides
		client := http.Client{Timeout: time.Duration(15+seconds) * time.Second}
		wait := 200 * time.Millisecond << attempt
		answer, err := client.Do(request)
		var text []byte
		if err == nil {
			text, err = io.ReadAll(answer.Body)
			answer.Body.Close()
		}
		if err == nil {
			status, read := answer.StatusCode, object{}
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.UseNumber() // amounts are whole numbers of fen
			isJSON := decoder.Decode(&read) == nil
			if status/100 == 2 && (isJSON || len(text) == 0) { // 204 has no body
				return read, nil
			}
			if !isJSON {
				read = object{"code": "not_json", "detail": fmt.Sprintf("%.200s", text)}
			}
			err = &Refused{status, read}
			if status != 429 && status != 503 && (status < 500 || isJSON) {
				return nil, err
			}
			if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
				wait = time.Duration(seconds) * time.Second
			}
		}
		if attempt == 5 {
			return nil, err
		}
		time.Sleep(wait)
	}
}

// SessionLink is an address to send the user to, who then sees his balance and tops up. Valid for ten minutes.
func SessionLink(user string) (string, error) {
	session, err := Call("POST", "/sessions", object{"user": user})
	link, _ := session["url"].(string)
	return link, err
}

// Recharge is for a page of your own: draw its code_url as a QR code. Amounts are fen.
func Recharge(user string, totalFee int64, reference string) (object, error) {
	return Call("POST", "/recharges", object{"user": user, "total_fee": totalFee, "reference": reference})
}

// Debit takes from the balance. Refused with status 402 where too little is available: send the user to SessionLink.
func Debit(user string, amount int64, reference, reason string) (object, error) {
	return Call("POST", "/debits", object{"user": user, "amount": amount, "reference": reference, "reason": reason})
}

// Reverse gives a debit back, or a part of it.
func Reverse(debit object, amount int64, reference, reason string) (object, error) {
	body := object{"amount": amount, "reference": reference, "reason": reason}
	return Call("POST", "/debits/"+url.PathEscape(fmt.Sprint(debit["id"]))+"/reversals", body)
}

// Balance is what the user has: balance, what of it is held, and what is available.
func Balance(user string) (object, error) { return Call("GET", "/users/"+url.PathEscape(user), nil) }

// Hold sets something aside before work whose price is not known yet.
func Hold(user string, amount int64, reference, reason string) (object, error) {
	return Call("POST", "/holds", object{"user": user, "amount": amount, "reference": reference, "reason": reason})
}

// Capture takes what the work came to, and frees the rest of the hold.
func Capture(hold object, amount int64) (object, error) {
	return Call("POST", "/holds/"+url.PathEscape(fmt.Sprint(hold["id"]))+"/capture", object{"amount": amount})
}

// Release frees the hold.
func Release(hold object) (object, error) {
	return Call("POST", "/holds/"+url.PathEscape(fmt.Sprint(hold["id"]))+"/void", nil)
}

// Event is what a delivery tells.
type Event struct {
	ID, Type string
	Data     struct {
		Recharge struct {
			OutTradeNo string `json:"out_trade_no"`
			User       string
			Credited   int64
		}
	}
}

// Verify gives the event of a delivery. body is the raw body, byte for byte: it is parsed only here. It fails if the delivery is
// not Saoma's, or older than five minutes. While a secret is rotated there are two of them.
func Verify(body []byte, header http.Header, secrets []string) (*Event, error) {
	id, stamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	if age := time.Since(time.Unix(at, 0)); err != nil || id == "" || age.Abs() > 5*time.Minute {
		return nil, errors.New("no id, or another time")
	}
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) == 0 {
			continue
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
		right := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for _, given := range strings.Fields(header.Get("webhook-signature")) {
			if hmac.Equal([]byte(right), []byte(given)) {
				event := &Event{}
				return event, json.Unmarshal(body, event)
			}
		}
	}
	return nil, errors.New("not signed with our secret")
}

// CreditOnce is for a site that keeps the balances itself (balance_kept_by = "site"). Where Saoma keeps them, the default, it has
// added the payment already: such a site adds nothing to a balance of its own, and the event only tells.
//
// It credits a recharge once. Here a file per number stands for it; in your program it is a row with out_trade_no as its
// key, written in the transaction that credits. The number decides, not the delivery: after a restore from a backup the same
// payment may come in a new delivery.
func CreditOnce(event *Event) (bool, error) {
	paid := event.Data.Recharge
	path := filepath.Join(os.Getenv("CREDITED"), filepath.Base(paid.OutTradeNo))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	fmt.Fprintln(file, paid.User, paid.Credited)
	return true, file.Sync()
}

func receive(response http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(request.Body, 64<<10)) // one that is cut off is not signed
	event, err := Verify(body, request.Header, strings.Fields(os.Getenv("SAOMA_WEBHOOK_SECRETS")))
	if err != nil {
		http.Error(response, err.Error(), http.StatusUnauthorized)
		return
	}
	// 2xx says that it is stored. Whatever else is answered, it comes again.
	// A late payment that goes back has nothing credited; if it is credited after all, the event comes again.
	isPaid := event.Type == "recharge.paid" || event.Type == "recharge.paid_late"
	isCredited := false
	if isPaid && event.Data.Recharge.Credited > 0 {
		isCredited, err = CreditOnce(event)
	}
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
	} else if isCredited {
		io.WriteString(response, "credited")
	} else {
		io.WriteString(response, "nothing to do")
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func story(user string) {
	told := func(step string, value any) {
		fmt.Println(string(must(json.Marshal(object{"step": step, "value": value}))))
	}
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	told("link", must(SessionLink(user)))
	told("code_url", must(Recharge(user, 1000, "order-"+run))["code_url"])
	first := must(Debit(user, 300, "vip-"+run, "VIP 30 days"))
	told("debit", first)
	told("again", must(Debit(user, 300, "vip-"+run, "VIP 30 days"))["id"] == first["id"])
	told("captured", must(Capture(must(Hold(user, 500, "job-"+run, "translation")), 312)))
	must(Release(must(Hold(user, 5, "job-"+run+"-b", "translation"))))
	told("reversed", must(Reverse(first, 100, "vip-"+run, "10 days less")))
	told("available", must(Balance(user))["available"])
	_, err := Debit(user, 100_000_000_000, "vip-"+run+"-b", "VIP for ever")
	if refused, is := err.(*Refused); is {
		told("too much", refused.Status)
	}
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "story" {
		story(os.Args[2])
	} else if len(os.Args) == 4 && os.Args[1] == "call" {
		fmt.Println(string(must(json.Marshal(must(Call(os.Args[2], os.Args[3], nil))))))
	} else if len(os.Args) == 3 && os.Args[1] == "serve" {
		must(0, http.ListenAndServe("127.0.0.1:"+os.Args[2], http.HandlerFunc(receive)))
	}
}
