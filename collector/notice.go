package collector

import (
	"encoding/hex"
	"fmt"

	"heed/consent/record"
)

// Notice is a notice that is in force on a site, in one layout and one language.
type Notice struct {
	Ref    record.NoticeRef
	Text   []byte         // as it is archived
	Notice *record.Notice // what Text holds
}

func (n Notice) validate(site Site) error {
	switch {
	case n.Notice == nil || n.Notice.Site != site.ID:
		return fmt.Errorf("notices: %s: want the parsed notice of this site", n.Ref.ID)
	case n.Ref.ID != site.Notice:
		return fmt.Errorf("notices: %s: want the id of the notice in force, %s", n.Ref.ID, site.Notice)
	}
	return nil
}

// noticeOf returns the notice that is named by its hash; without a name the first, which is in force where nothing was
// shown; nil when there is none.
func (s *site) noticeOf(shown string) *Notice {
	if shown == "" {
		if len(s.Notices) == 0 {
			return nil
		}
		return &s.Notices[0]
	}
	var hash record.Hash
	hex.Decode(hash[:], bytesOf(shown)) // isHash has checked it
	return s.notices[hash]
}
