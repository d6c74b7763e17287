package enrich

// hosting has the autonomous systems of companies that rent out machines, where browsers run that no person sits in
// front of, with part of the owner's name. The names were compared with ip-location-db's data of June 2026; a test
// compares them with the data that is installed.
//
// Left out, although machines are for rent there, is whatever many people's traffic leaves from: relays and accelerators
// (Cloudflare 13335, Akamai 20940 and 36183, Fastly 54113, which Apple's Private Relay uses), Google's own network
// (15169), networks that are known for VPN services (M247 9009, Datacamp 212238 and 60068, 31173 39351), and hosters
// that also connect homes (Aruba 31034, Infomaniak 29222). Offices whose desktops run in a cloud remain and are marked.
var hosting = map[uint32]string{
	14618:  "Amazon",
	16509:  "Amazon",
	396982: "Google LLC", // Google Cloud; Google's own network is another
	8075:   "Microsoft",  // Azure is in it
	31898:  "Oracle",
	36351:  "IBM",
	37963:  "Alibaba",
	45102:  "Alibaba",
	45090:  "Tencent",
	132203: "Tencent",
	55990:  "Huawei",
	136907: "Huawei",
	135377: "UCLOUD",
	200350: "Yandex.Cloud",
	14061:  "DigitalOcean",
	20473:  "Constant", // Vultr
	63949:  "Akamai",   // Linode
	24940:  "Hetzner",
	212317: "Hetzner",
	213230: "Hetzner",
	16276:  "OVH",
	12876:  "Scaleway",
	40021:  "Contabo",
	51167:  "Contabo",
	141995: "Contabo",
	28753:  "Leaseweb",
	30633:  "Leaseweb",
	59253:  "Leaseweb",
	60781:  "Leaseweb",
	394380: "Leaseweb",
	197540: "netcup",
	6724:   "Strato",
	8560:   "IONOS",
	20773:  "Host Europe",
	26496:  "GoDaddy",
	398101: "GoDaddy",
	26347:  "New Dream Network", // DreamHost
	47583:  "Hostinger",
	19994:  "Rackspace",
	27357:  "Rackspace",
	33070:  "Rackspace",
	36007:  "Kamatera",
	202053: "UpCloud",
	61098:  "Akenes", // Exoscale
	40509:  "Fly.io",
	54825:  "Packet Host", // Equinix Metal
	396356: "Latitude.sh",
	16125:  "Cherry Servers",
	7979:   "Servers.com",
	29802:  "Hivelocity",
	61317:  "Hivelocity",
	40676:  "Psychz",
	8100:   "QuadraNet",
	36352:  "HostPapa", // ColoCrossing
	53667:  "FranTech", // BuyVM
	19318:  "Interserver",
	32244:  "Liquid Web",
	22612:  "Namecheap",
	46606:  "Unified Layer",
	25820:  "IT7", // BandwagonHost
	55286:  "B2 Net",
	49981:  "WorldStream",
	43350:  "NForce",
	50673:  "Serverius",
	9123:   "TIMEWEB",
	49505:  "Selectel",
	197695: "REG.RU",
	198610: "Beget",
}
