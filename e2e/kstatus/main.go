// Prints what kstatus says of an object: the verdict that Flux, Argo CD's plugins and kpt wait for.
//
// Reads one object as JSON, writes a line: "Current", "InProgress", "Failed", ..., a space and its message.
package main

import (
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var object unstructured.Unstructured
	if err := object.UnmarshalJSON(text); err != nil {
		return fmt.Errorf("the object: %w", err)
	}
	result, err := status.Compute(&object)
	if err != nil {
		return err
	}
	fmt.Println(result.Status, result.Message)
	return nil
}
