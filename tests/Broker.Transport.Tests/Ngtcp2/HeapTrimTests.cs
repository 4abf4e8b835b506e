using Broker.Transport.Ngtcp2.Engine;
using Broker.Transport.Tests.InMemory;

namespace Broker.Transport.Tests.Ngtcp2;

public sealed class HeapTrimTests
{
    private readonly ManualTime _time = new();
    private readonly HeapTrim _heap;
    private int _trims;

    public HeapTrimTests() => _heap = new HeapTrim(_time, threshold: 3, TimeSpan.FromSeconds(5), () => _trims++);

    [Fact]
    public void A_burst_of_ended_connections_is_followed_by_one_trim()
    {
        End(10);
        Assert.Equal(0, _trims);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(1, _trims);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, _trims);
    }

    [Fact]
    public void The_next_burst_is_trimmed_too()
    {
        End(3);
        _time.Advance(TimeSpan.FromSeconds(5));
        End(3);
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(2, _trims);
    }

    [Fact]
    public void A_few_ended_connections_are_not_worth_a_trim()
    {
        for (var i = 0; i < 5; i++)
        {
            End(2);
            _time.Advance(TimeSpan.FromSeconds(5));
        }

        Assert.Equal(0, _trims);
    }

    private void End(int connections)
    {
        for (var i = 0; i < connections; i++)
        {
            _heap.OnConnectionFreed();
        }
    }
}
