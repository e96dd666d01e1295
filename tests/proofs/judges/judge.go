// Judge proofs with golang.org/x/mod/sumdb/{note,tlog}: a case per line of JSON on standard input, for each of them a
// line "accepted" or "refused: <why>" on standard output. It must compute nothing that those packages can compute.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Case is what there is to judge; which fields matter depends on Check. Bytes are in base64.
type Case struct {
	Check   string
	Key     string // of a verifier, or of a signer
	Note    string
	Entry   []byte
	Index   int64
	Old     int64 // size of the older tree
	OldRoot []byte
	Size    int64
	Root    []byte
	Proof   [][]byte
	Older   [][]byte // consistency proof from Old to Size
	Folder  string   // where checkpoint and tiles lie
	Paths   []string // of tiles
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			return
		}
		var one Case
		if err := json.Unmarshal(line, &one); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := judge(&one); err != nil {
			fmt.Println("refused:", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("accepted")
		}
	}
}

func judge(one *Case) error {
	switch one.Check {
	case "note":
		return checkNote(one.Note, one.Key, one.Size, one.Root)
	case "signer":
		return checkSigner(one)
	case "inclusion":
		return tlog.CheckRecord(hashes(one.Proof), one.Size, hash(one.Root), one.Index, tlog.RecordHash(one.Entry))
	case "consistency":
		return tlog.CheckTree(hashes(one.Proof), one.Size, hash(one.Root), one.Old, hash(one.OldRoot))
	case "paths":
		return checkPaths(one)
	case "tiles":
		return checkTiles(one)
	}
	return fmt.Errorf("unknown check %q", one.Check)
}

// checkNote opens a checkpoint and compares what it says.
func checkNote(text, key string, size int64, root []byte) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return err
	}
	want := fmt.Sprintf("%s\n%d\n%s\n", verifier.Name(), size, base64.StdEncoding.EncodeToString(root))
	if opened.Text != want {
		return errors.New("the note says something else")
	}
	return nil
}

// checkSigner signs the text of the note with the same key; Ed25519 has one signature per text.
func checkSigner(one *Case) error {
	signer, err := note.NewSigner(one.Key)
	if err != nil {
		return err
	}
	text, _, _ := strings.Cut(one.Note, "\n\n")
	signed, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
	if err != nil {
		return err
	}
	if string(signed) != one.Note {
		return errors.New("the note is another one")
	}
	return nil
}

// checkPaths compares the paths of a tree's tiles, each at its widest; C2SP leaves the height out of them.
func checkPaths(one *Case) error {
	widest := map[[2]int64]tlog.Tile{}
	for _, tile := range tlog.NewTiles(8, 0, one.Size) {
		widest[[2]int64{int64(tile.L), tile.N}] = tile
	}
	if len(widest) != len(one.Paths) {
		return fmt.Errorf("the tree has %d tiles, not %d", len(widest), len(one.Paths))
	}
	for _, path := range one.Paths {
		tile, err := tlog.ParseTilePath(strings.Replace(path, "tile/", "tile/8/", 1))
		if err != nil {
			return err
		}
		if widest[[2]int64{int64(tile.L), tile.N}] != tile {
			return fmt.Errorf("%s is not a tile of the tree", path)
		}
	}
	return nil
}

// checkTiles reads a whole log as it is published: the checkpoint, every hash, every entry; and proves from it.
func checkTiles(one *Case) error {
	checkpoint, err := os.ReadFile(filepath.Join(one.Folder, "checkpoint"))
	if err != nil {
		return err
	}
	if err := checkNote(string(checkpoint), one.Key, one.Size, one.Root); err != nil {
		return err
	}
	reader := tlog.TileHashReader(tlog.Tree{N: one.Size, Hash: hash(one.Root)}, &folder{one.Folder})
	for begin := int64(0); begin < one.Size; begin += 256 {
		if err := checkBundle(one, reader, begin); err != nil {
			return err
		}
	}
	inclusion, err := tlog.ProveRecord(one.Size, one.Index, reader)
	if err != nil {
		return err
	}
	consistency, err := tlog.ProveTree(one.Size, one.Old, reader)
	if err != nil {
		return err
	}
	if !equal(inclusion, one.Proof) || !equal(consistency, one.Older) {
		return errors.New("the proofs are other ones")
	}
	return nil
}

func checkBundle(one *Case, reader tlog.HashReader, begin int64) error {
	end := min(begin+256, one.Size)
	path := tlog.Tile{H: 8, L: -1, N: begin / 256, W: int(end - begin)}.Path()
	bundle, err := os.ReadFile(filepath.Join(one.Folder, strings.Replace(path, "tile/8/data/", "tile/entries/", 1)))
	if err != nil {
		return err
	}
	indexes := []int64{}
	for index := begin; index < end; index++ {
		indexes = append(indexes, tlog.StoredHashIndex(0, index))
	}
	leaves, err := reader.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for at, leaf := range leaves {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			return fmt.Errorf("the bundle from %d ends too early", begin)
		}
		length := 2 + int(binary.BigEndian.Uint16(bundle))
		if tlog.RecordHash(bundle[2:length]) != leaf {
			return fmt.Errorf("entry %d is not the one in the tree", begin+int64(at))
		}
		bundle = bundle[length:]
	}
	if len(bundle) != 0 {
		return fmt.Errorf("the bundle from %d goes on", begin)
	}
	return nil
}

// A folder is a tlog.TileReader over published tiles.
type folder struct{ root string }

func (f *folder) Height() int { return 8 }

func (f *folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := [][]byte{}
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(f.root, strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func hash(raw []byte) (h tlog.Hash) {
	if len(raw) != len(h) {
		panic("a hash of " + strconv.Itoa(len(raw)) + " bytes")
	}
	copy(h[:], raw)
	return h
}

func hashes(raw [][]byte) (found []tlog.Hash) {
	for _, one := range raw {
		found = append(found, hash(one))
	}
	return found
}

func equal(found []tlog.Hash, wanted [][]byte) bool {
	if len(found) != len(wanted) {
		return false
	}
	for at := range found {
		if !bytes.Equal(found[at][:], wanted[at]) {
			return false
		}
	}
	return true
}
