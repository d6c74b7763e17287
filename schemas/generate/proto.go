package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// generateProto compiles event.proto and lets the two pinned plugins write its Go code: the types, and codecs for
// them that use no reflection.
func generateProto(ctx context.Context) ([]output, error) {
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, "event.proto")
	if err != nil {
		return nil, fmt.Errorf("compile event.proto: %w", err)
	}
	descriptor := protodesc.ToFileDescriptorProto(files[0])
	types, err := runPlugin(ctx, "protoc-gen-go", "paths=source_relative", descriptor)
	if err != nil {
		return nil, err
	}
	codecs, err := runPlugin(ctx, "protoc-gen-go-vtproto",
		"paths=source_relative,features=marshal+unmarshal+unmarshal_unsafe+size+pool", descriptor)
	if err != nil {
		return nil, err
	}
	return []output{{"event.pb.gen.go", types}, {"event.vtproto.gen.go", codecs}}, nil
}

// runPlugin runs one plugin of protoc on one file and returns the single file that it answers with.
func runPlugin(ctx context.Context, plugin, parameter string, file *descriptorpb.FileDescriptorProto) ([]byte, error) {
	request, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{file.GetName()},
		Parameter:      &parameter,
		ProtoFile:      []*descriptorpb.FileDescriptorProto{file},
	})
	if err != nil {
		return nil, fmt.Errorf("encode request to %s: %w", plugin, err)
	}
	cmd := exec.CommandContext(ctx, "go", "tool", plugin)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(request), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", plugin, err)
	}
	var answer pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out, &answer); err != nil {
		return nil, fmt.Errorf("decode answer of %s: %w", plugin, err)
	}
	if answer.Error != nil || len(answer.File) != 1 {
		return nil, fmt.Errorf("%s wrote %d files: %s", plugin, len(answer.File), answer.GetError())
	}
	return []byte(answer.File[0].GetContent()), nil
}
