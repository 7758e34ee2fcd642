// Verifies a C2SP log with the packages of the Go checksum database: note opens the checkpoint, tlog proves that every
// entry is in the tree, from the tiles, and that the tree begins with a smaller one.
//
//	tlogpeer FOLDER VERIFIER-KEY OLD-SIZE OLD-ROOT
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Tiles of C2SP are those of height 8, under names without the height.
type reader struct{ folder string }

func (reader) Height() int { return 8 }

func (reader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(r.folder, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func main() {
	folder, key := os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(key)
	check(err)
	data, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	check(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	hashes := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, reader{folder})
	for start := int64(0); start < size; start += 256 {
		tile := tlog.Tile{H: 8, L: 0, N: start / 256, W: 256}
		if size-start < 256 {
			tile.W = int(size - start)
		}
		name := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
		bundle, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
		check(err)
		for index := start; len(bundle) > 0; index++ {
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			proof, err := tlog.ProveRecord(size, index, hashes)
			check(err)
			check(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(bundle[2:end])))
			bundle = bundle[end:]
		}
	}
	old, err := strconv.ParseInt(os.Args[3], 10, 64)
	check(err)
	oldRoot, err := base64.StdEncoding.DecodeString(os.Args[4])
	check(err)
	var oldHash tlog.Hash
	copy(oldHash[:], oldRoot)
	proof, err := tlog.ProveTree(size, old, hashes)
	check(err)
	check(tlog.CheckTree(proof, size, root, old, oldHash))
	fmt.Printf("%d entries\n", size)
}
