using Broker.Machines.Ledgers;
using Broker.Machines.Replication;

namespace Broker.Machines.Tests.Replication;

public class ShardStateCodecTests
{
    private const string Example = "20050204000105210401010204";

    [Fact]
    public void A_state_is_written_as_it_always_was()
    {
        var state = new ShardState(2, new Lineage(1, [new Era(1, 1), new Era(2, 4)], 5), Committed: 4, IsInstalling: false);
        Assert.Equal(Example, Convert.ToHexStringLower(ShardStateCodec.Encode(state).Span));
        Assert.Equal("20050000000100", Convert.ToHexStringLower(ShardStateCodec.Encode(new ShardState(0, new Lineage(), 0, IsInstalling: false)).Span));
    }

    [Fact]
    public void A_state_reads_back_as_it_was_written()
    {
        foreach (var state in new[]
        {
            new ShardState(0, new Lineage(), 0, false),
            new ShardState(uint.MaxValue, new Lineage(), 0, true),
            new ShardState(9, new Lineage(5001, [new Era(3, 4000), new Era(8, 4900)], 5000), 4999, true),
            new ShardState(9, new Lineage(4900, [new Era(3, 4000), new Era(8, 4950), new Era(9, 1L << 40)], 1UL << 41), 1UL << 41, false),
        })
        {
            var read = ShardStateCodec.Decode(ShardStateCodec.Encode(state).Span);
            Assert.Equal((state.Epoch, $"{state.Log}", state.Committed, state.IsInstalling), (read.Epoch, $"{read.Log}", read.Committed, read.IsInstalling));
        }
    }

    [Theory]
    [InlineData(Example + "2200", "section 34")]
    [InlineData("20050204020105210401010204", "flag 2")]
    [InlineData("210401010204", "does not say")]
    [InlineData("", "does not say")]
    [InlineData("20050204000105", "contradicts itself")]
    [InlineData(Example + "2100", "comes twice")]
    [InlineData("2004020400", "end within")]
    public void A_state_that_this_version_cannot_read_is_refused(string hex, string reason)
    {
        var e = Assert.Throws<LedgerFormatException>(() => ShardStateCodec.Decode(Convert.FromHexString(hex)));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }
}
