// A receiver of webhooks: WEBHOOK_SECRET and PORT are in the environment.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var form = regexp.MustCompile(`^t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,8})$`)

// isGenuine tells whether X-Edesy-Signature-V2 is this secret's, over this raw body, and no older than five minutes.
func isGenuine(body []byte, header, secret string) bool {
	match := form.FindStringSubmatch(header)
	if match == nil {
		return false
	}
	sent, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(match[1] + "."))
	mac.Write(body)
	wanted := mac.Sum(nil)
	for _, given := range strings.Split(match[2], ",v1=")[1:] {
		signature, err := hex.DecodeString(given)
		if err == nil && hmac.Equal(wanted, signature) {
			return true
		}
	}
	return false
}

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || !isGenuine(body, r.Header.Get("X-Edesy-Signature-V2"), os.Getenv("WEBHOOK_SECRET")) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		var event struct {
			Event    string `json:"event"`
			EventID  string `json:"event_id"`
			Sequence int    `json:"sequence"`
		}
		if json.Unmarshal(body, &event) == nil {
			// Look event.EventID up in your database first: an event may come twice.
			fmt.Println(event.Event, event.Sequence)
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
