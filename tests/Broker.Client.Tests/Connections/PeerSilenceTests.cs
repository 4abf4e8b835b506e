using Broker.Client.Connections;

namespace Broker.Client.Tests.Connections;

/// <summary>When a node's silence is suspect: limit 400 ms, so a look each 100 ms; a node that owes an answer is asked after 200 ms, and at last each 2 s.</summary>
public sealed class PeerSilenceTests
{
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(100);
    private readonly PeerSilence _silence = new(TimeSpan.FromMilliseconds(400), TimeSpan.FromSeconds(2));
    private long _received = 1;

    public PeerSilenceTests() => Assert.Equal(SilenceVerdict.Calm, Tick());

    [Fact]
    public void Who_owes_nothing_may_be_silent() => Assert.All(Ticks(100), static verdict => Assert.Equal(SilenceVerdict.Calm, verdict));

    [Fact]
    public void Who_owes_an_answer_is_asked_and_then_suspected() =>
        Assert.Equal([SilenceVerdict.Calm, SilenceVerdict.Ask, SilenceVerdict.Calm, SilenceVerdict.Suspect], Ticks(4, owes: true));

    [Fact]
    public void Who_has_acknowledged_nothing_is_suspected_without_a_question() =>
        Assert.Equal([SilenceVerdict.Calm, SilenceVerdict.Calm, SilenceVerdict.Calm, SilenceVerdict.Suspect], Ticks(4, inFlight: true, owes: true));

    [Fact]
    public void What_was_sent_after_a_long_silence_has_half_of_the_limit_for_its_acknowledgement()
    {
        Assert.All(Ticks(20), static verdict => Assert.Equal(SilenceVerdict.Calm, verdict));
        Assert.Equal([SilenceVerdict.Calm, SilenceVerdict.Suspect], Ticks(2, inFlight: true));
    }

    [Fact]
    public void Long_round_trips_make_the_limit_longer()
    {
        var verdicts = Ticks(8, inFlight: true, roundTripMs: 100);
        Assert.Equal(SilenceVerdict.Suspect, verdicts[^1]);
        Assert.All(verdicts[..^1], static verdict => Assert.Equal(SilenceVerdict.Calm, verdict));
    }

    [Fact]
    public void A_time_without_turns_is_no_silence()
    {
        Assert.Equal(SilenceVerdict.Calm, Tick(passed: TimeSpan.FromHours(1), inFlight: true));
        Assert.Equal(SilenceVerdict.Calm, Tick(inFlight: true));
        _received++; // what came during the pause
        Assert.Equal(SilenceVerdict.Calm, Tick(inFlight: true));
        Assert.Equal([SilenceVerdict.Calm, SilenceVerdict.Calm, SilenceVerdict.Calm, SilenceVerdict.Suspect], Ticks(4, inFlight: true));
    }

    [Fact]
    public void Who_answers_questions_alone_is_asked_less_and_less_often()
    {
        List<int> pauses = [];
        for (var i = 0; i < 6; i++)
        {
            var ticks = 1;
            while (Tick(owes: true) == SilenceVerdict.Calm)
            {
                ticks++;
            }

            pauses.Add(ticks);
            _received++;
            Tick(owes: true);
            _received++; // the rest of the answer
            Tick(owes: true);
        }

        Assert.Equal([2, 4, 8, 16, 20, 20], pauses);
        _received++; // something else
        Tick(owes: true);
        Assert.Equal([SilenceVerdict.Calm, SilenceVerdict.Ask], Ticks(2, owes: true));
    }

    [Fact]
    public void After_a_suspicion_that_came_to_nothing_the_silence_begins_anew()
    {
        Ticks(4, owes: true);
        _silence.Forget();
        Assert.Equal([SilenceVerdict.Calm, SilenceVerdict.Ask, SilenceVerdict.Calm, SilenceVerdict.Suspect], Ticks(4, owes: true));
    }

    private SilenceVerdict[] Ticks(int count, bool inFlight = false, bool owes = false, int roundTripMs = 1) =>
        [.. Enumerable.Range(0, count).Select(_ => Tick(null, inFlight, owes, roundTripMs))];

    private SilenceVerdict Tick(TimeSpan? passed = null, bool inFlight = false, bool owes = false, int roundTripMs = 1) =>
        _silence.HandleTick(passed ?? s_tick, new SilenceReading(_received, TimeSpan.FromMilliseconds(roundTripMs), inFlight), () => owes);
}
