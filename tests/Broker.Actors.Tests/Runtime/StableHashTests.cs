using Broker.Actors.Runtime.Sharding;

namespace Broker.Actors.Tests.Runtime;

public sealed class StableHashTests
{
    /// <summary>Computed apart from this code; a change of any of them would lose stored data.</summary>
    [Theory]
    [InlineData("", 0xefd01f60ba992926, 38)]
    [InlineData("a", 0x82a2a958a9bece5b, 27)]
    [InlineData("foobar", 0x2c22194922d1672b, 43)]
    [InlineData("orders", 0x32520fbdb4dad5b9, 57)]
    [InlineData("größe/ü 1", 0xe53e4c239377a875, 53)]
    public void Hash_is_the_same_for_ever(string text, ulong hash, int shard)
    {
        Assert.Equal(hash, StableHash.Compute(text));
        Assert.Equal(shard, StableHash.ShardOf(text, 64));
    }

    [Fact]
    public void Long_text_is_hashed_whole()
    {
        Assert.Equal(0x8231e9ad7b58d59UL, StableHash.Compute(new string('x', 300)));
        Assert.NotEqual(StableHash.Compute(new string('x', 300)), StableHash.Compute(new string('x', 301)));
    }

    [Fact]
    public void Entities_with_counted_names_spread_evenly()
    {
        var perShard = new int[64];
        for (var i = 0; i < 64_000; i++)
        {
            perShard[StableHash.ShardOf($"queue-{i}", 64)]++;
        }

        // 1,000 expected, standard deviation 31.
        Assert.InRange(perShard.Min(), 850, 1000);
        Assert.InRange(perShard.Max(), 1000, 1150);
    }
}
