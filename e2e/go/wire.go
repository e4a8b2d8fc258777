package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"time"
)

const requestTimeout = 20 * time.Second

type header struct {
	Code      int               `json:"code"`
	Language  string            `json:"language"`
	Version   int               `json:"version"`
	Opaque    int               `json:"opaque"`
	Flag      int               `json:"flag"`
	Remark    string            `json:"remark,omitempty"`
	ExtFields map[string]string `json:"extFields,omitempty"`
}

// ask sends one request over a connection of its own, for what this client has no function for.
func ask(address string, code int, fields map[string]string) (header, []byte, error) {
	return askWith(address, code, fields, nil)
}

func askWith(address string, code int, fields map[string]string, body []byte) (header, []byte, error) {
	connection, err := net.DialTimeout("tcp", address, requestTimeout)
	if err != nil {
		return header{}, nil, err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return header{}, nil, err
	}
	request, err := json.Marshal(header{Code: code, Language: "GO", Version: 317, Opaque: 1, ExtFields: fields})
	if err != nil {
		return header{}, nil, err
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(request)+len(body)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(request)))
	if _, err := connection.Write(append(append(frame, request...), body...)); err != nil {
		return header{}, nil, err
	}
	return readAnswer(connection)
}

func readAnswer(connection io.Reader) (header, []byte, error) {
	var lengths [8]byte
	if _, err := io.ReadFull(connection, lengths[:]); err != nil {
		return header{}, nil, err
	}
	frameLength := binary.BigEndian.Uint32(lengths[:4])
	headerLength := binary.BigEndian.Uint32(lengths[4:]) & 0xffffff
	if headerLength+4 > frameLength {
		return header{}, nil, fmt.Errorf("a frame of %d with a header of %d", frameLength, headerLength)
	}
	rest := make([]byte, frameLength-4)
	if _, err := io.ReadFull(connection, rest); err != nil {
		return header{}, nil, err
	}
	var answer header
	err := json.Unmarshal(rest[:headerLength], &answer)
	return answer, rest[headerLength:], err
}
