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

    [Fact]
    public void A_node_that_is_reported_unreachable_and_does_not_answer_is_gone_after_two_intervals()
    {
        Tick(3);
        _heartbeat.HandlePong(3, _now);
        Assert.Equal(4UL, _heartbeat.HandleUnreachable(_now += s_interval / 4));
        Assert.Equal(5UL, Tick(1));
        Assert.False(_heartbeat.IsSuspect);
        Tick(1);
        Assert.True(_heartbeat is { IsGone: true, IsSuspect: true });
    }

    [Fact]
    public void Silence_alone_says_not_that_a_node_is_gone()
    {
        Tick(10);
        Assert.True(_heartbeat is { IsGone: false, IsSuspect: true });
    }

    [Fact]
    public void An_answer_disproves_the_report()
    {
        Tick(3);
        var ping = _heartbeat.HandleUnreachable(_now += s_interval / 4);
        Tick(1);
        Assert.True(_heartbeat.HandlePong(ping, _now));
        Tick(9);
        Assert.False(_heartbeat.IsSuspect);
        Tick(1);
        Assert.True(_heartbeat is { IsGone: false, IsSuspect: true }); // after the usual time
    }

    [Fact]
    public void An_answer_that_was_on_its_way_already_disproves_nothing()
    {
        Tick(3);
        _heartbeat.HandleUnreachable(_now += s_interval / 4);
        Assert.True(_heartbeat.HandlePong(3, _now));
        Tick(2);
        Assert.True(_heartbeat.IsGone);
    }

    [Fact]
    public void A_time_without_turns_is_one_interval_of_an_unreachable_node()
    {
        Tick(3);
        _heartbeat.HandleUnreachable(_now += s_interval / 4);
        _now += TimeSpan.FromMinutes(1); // this process was stopped; the answer waits in front of it
        Tick(1);
        _now -= s_interval - TimeSpan.FromMilliseconds(1); // and the timer catches up
        Tick(1);
        Assert.False(_heartbeat.IsSuspect);
        Tick(1);
        Assert.True(_heartbeat.IsGone);
    }

    [Fact]
    public void A_second_report_after_an_answer_counts_from_anew()
    {
        Tick(1);
        _heartbeat.HandlePong(_heartbeat.HandleUnreachable(_now), _now);
        Tick(1);
        _heartbeat.HandleUnreachable(_now);
        Tick(1);
        Assert.False(_heartbeat.IsSuspect);
        Tick(1);
        Assert.True(_heartbeat.IsGone);
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
