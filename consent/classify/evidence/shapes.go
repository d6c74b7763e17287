package evidence

import (
	"math/bits"

	"heed/consent/classify"
	"heed/consent/classify/shape"
)

// Shapes learns from facts what the words of a name say.
func Shapes(facts []classify.Fact) (*shape.Model, error) {
	samples := make([]shape.Sample, 0, len(facts))
	for _, fact := range facts {
		samples = append(samples, shape.Sample{
			Name: fact.Pattern, Owner: fact.Owner, Lifetime: fact.Lifetime, Class: bits.TrailingZeros8(uint8(fact.Class)),
		})
	}
	return shape.Fit(samples)
}
