using Broker.Machines.Links;

namespace Broker.Machines.Tests.Links;

public sealed class LinkHeartbeatTests
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_start = TimeSpan.FromHours(1);
    private readonly LinkHeartbeat _heartbeat = new(s_interval, TimeSpan.FromSeconds(1), s_start);
    private TimeSpan _now = s_start;

    [Fact]
    public void Silence_of_a_second_is_suspect()
    {
        Assert.Equal(9UL, Tick(9));
        Assert.False(_heartbeat.IsSuspect);
        Tick(1);
        Assert.True(_heartbeat.IsSuspect);
    }

    [Fact]
    public void An_answer_ends_the_silence()
    {
        Tick(9);
        Assert.True(_heartbeat.HandlePong(1, _now));
        Tick(9);
        Assert.False(_heartbeat.IsSuspect);
        Tick(1);
        Assert.True(_heartbeat.IsSuspect);
    }

    [Fact]
    public void A_time_without_turns_is_not_the_others_silence()
    {
        Tick(3);
        _now += TimeSpan.FromMinutes(1); // this process was stopped; the answers wait in front of it
        Tick(1);
        Assert.False(_heartbeat.IsSuspect);
        Tick(4);
        Assert.False(_heartbeat.IsSuspect);
        Tick(1);
        Assert.True(_heartbeat.IsSuspect); // two intervals were counted for it
    }

    [Fact]
    public void Late_ticks_find_a_dead_node_too()
    {
        for (var ticks = 0; ticks < 5; ticks++)
        {
            Assert.False(_heartbeat.IsSuspect);
            _now += TimeSpan.FromMinutes(1);
            Tick(1);
        }

        Assert.True(_heartbeat.IsSuspect);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)] // a second time
    [InlineData(1)] // after a later one
    [InlineData(4)] // not sent yet
    public void What_answers_no_open_ping_is_no_answer(ulong number)
    {
        Tick(3);
        Assert.True(_heartbeat.HandlePong(2, _now));
        Assert.False(_heartbeat.HandlePong(number, _now));
        Assert.True(_heartbeat.HandlePong(3, _now));
    }

    [Fact]
    public void The_longest_gap_is_kept()
    {
        Tick(2);
        _heartbeat.HandlePong(2, _now);
        Tick(5);
        _heartbeat.HandlePong(7, _now);
        Tick(1);
        _heartbeat.HandlePong(8, _now);
        Assert.Equal(s_interval * 5, _heartbeat.LongestGap);
    }

    private ulong Tick(int count)
    {
        var number = 0UL;
        for (var ticks = 0; ticks < count; ticks++)
        {
            _now += s_interval;
            number = _heartbeat.HandleTick(_now);
        }

        return number;
    }
}
