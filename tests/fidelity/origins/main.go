// An origin on Go's net/http.
package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

const pause = 200 * time.Millisecond

type reply struct {
	Status   int         `json:"status"`
	Headers  [][2]string `json:"headers"`
	Body     string      `json:"body"`
	Parts    []string    `json:"parts"`
	Trailers [][2]string `json:"trailers"`
	Hint     string      `json:"hint"`
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "the body is broken", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	told := map[string]any{"method": r.Method, "url": r.URL.String(), "path": r.URL.Path, "length": len(body), "sha256": fmt.Sprintf("%x", sha256.Sum256(body))}
	_ = json.NewEncoder(w).Encode(told)
}

func (wanted reply) send(w http.ResponseWriter) {
	if wanted.Hint != "" {
		w.Header().Set("Link", wanted.Hint)
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
	}
	for _, header := range wanted.Headers {
		w.Header().Add(header[0], header[1])
	}
	w.WriteHeader(max(wanted.Status, http.StatusOK))
	if body, err := base64.StdEncoding.DecodeString(wanted.Body); err == nil {
		_, _ = w.Write(body)
	}
	for index, part := range wanted.Parts {
		if index > 0 {
			time.Sleep(pause)
		}
		_, _ = io.WriteString(w, part)
		w.(http.Flusher).Flush()
	}
	for _, trailer := range wanted.Trailers {
		w.Header().Set(trailer[0], trailer[1])
	}
}

// Says again what it hears, frame by frame, until the frame of close (RFC 6455).
func socket(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if key == "" {
		http.Error(w, "a WebSocket is wanted", http.StatusUpgradeRequired)
		return
	}
	connection, stream, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(stream, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	if protocol := r.Header.Get("Sec-WebSocket-Protocol"); protocol != "" {
		fmt.Fprintf(stream, "Sec-WebSocket-Protocol: %s\r\n", protocol)
	}
	_, _ = stream.WriteString("\r\n")
	for {
		if stream.Flush() != nil {
			return
		}
		var head [2]byte
		if _, err := io.ReadFull(stream, head[:]); err != nil {
			return
		}
		length := int(head[1] & 127)
		if length == 126 {
			var long [2]byte
			if _, err := io.ReadFull(stream, long[:]); err != nil {
				return
			}
			length = int(binary.BigEndian.Uint16(long[:]))
		}
		masked := make([]byte, 4+length)
		if _, err := io.ReadFull(stream, masked); err != nil || length > 125 {
			return
		}
		payload := masked[4:]
		for index := range payload {
			payload[index] ^= masked[index%4]
		}
		_, _ = stream.Write(append([]byte{head[0], byte(length)}, payload...))
		if head[0]&15 == 8 {
			_ = stream.Flush()
			return
		}
	}
}

func main() {
	var replies map[string]reply
	text, err := os.ReadFile(os.Getenv("REPLIES"))
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(text, &replies); err != nil {
		panic(err)
	}
	files := http.FileServer(http.Dir(os.Getenv("FILES")))
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/echo/", echo)
	mux.HandleFunc("/socket", socket)
	mux.HandleFunc("/reply/", func(w http.ResponseWriter, r *http.Request) {
		wanted, known := replies[strings.TrimPrefix(r.URL.Path, "/reply/")]
		if !known {
			http.NotFound(w, r)
			return
		}
		wanted.send(w)
	})
	mux.Handle("/", files)
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), mux))
}
