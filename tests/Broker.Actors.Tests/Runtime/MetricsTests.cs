using System.Diagnostics.Metrics;
using Broker.Actors.Runtime;

namespace Broker.Actors.Tests.Runtime;

public sealed class MetricsTests : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, Instrument> _instruments = [];
    private readonly List<(string Name, double Value, string Tags)> _measured = [];
    private readonly string _systemName = $"metrics-{Guid.NewGuid():N}";

    public MetricsTests()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "Broker.Actors"
                && instrument.Meter.Tags?.Any(tag => tag.Key == "actor.system" && tag.Value is string name && name == _systemName) == true)
            {
                _instruments.Add(instrument.Name, instrument);
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        _listener.Start();
    }

    public void Dispose() => _listener.Dispose();

    [Fact]
    public async Task Names_units_and_kinds_are_a_contract()
    {
        await using var test = new TestSystem(systemName: _systemName);

        Assert.Equal(
            [
                "broker.actors.dead_letters {message} Counter`1",
                "broker.actors.live {actor} ObservableUpDownCounter`1",
                "broker.actors.mailbox.depth {message} ObservableUpDownCounter`1",
                "broker.actors.mailbox.overflows {message} Counter`1",
                "broker.actors.mailbox.wait s Histogram`1",
                "broker.actors.processed {message} ObservableCounter`1",
                "broker.actors.restarts {restart} Counter`1",
                "broker.actors.run s Histogram`1",
            ],
            _instruments.Values
                .Select(instrument => $"{instrument.Name} {instrument.Unit} {instrument.GetType().Name}")
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Each_instrument_measures_by_type_of_actor()
    {
        await using var test = new TestSystem(systemName: _systemName);
        var actor = test.System.ActorOf(Props.Create(() => new ScriptedActor(new ActorScript()), "Queue").WithMailbox(2));
        test.Run();
        actor.Tell("one");
        actor.Tell("two");
        actor.Tell("overflow");
        _listener.RecordObservableInstruments();
        Assert.Equal(2, Sum("broker.actors.mailbox.depth", "actor.type=Queue"));
        test.Run();
        test.Tell(actor, new InvalidOperationException("boom"));
        _measured.RemoveAll(measured => _instruments[measured.Name].IsObservable);
        _listener.RecordObservableInstruments();
        test.System.DeadLetters.Tell("lost");

        Assert.Equal(1, Sum("broker.actors.live", "actor.type=Queue"));
        Assert.Equal(0, Sum("broker.actors.mailbox.depth", "actor.type=Queue"));
        Assert.Equal(1, Sum("broker.actors.mailbox.overflows", "actor.type=Queue"));
        Assert.Equal(1, Sum("broker.actors.dead_letters", "actor.type=Queue,reason=mailbox_full"));
        Assert.Equal(1, Sum("broker.actors.dead_letters", "actor.type=none,reason=no_receiver"));
        Assert.Equal(3, Sum("broker.actors.processed", "actor.type=Queue"));
        Assert.Equal(1, Sum("broker.actors.restarts", "actor.type=Queue"));
        Assert.True(Sum("broker.actors.mailbox.wait", "actor.type=Queue") > 0);
        Assert.True(Sum("broker.actors.run", "actor.type=Queue") > 0);
    }

    [Fact]
    public async Task Actors_that_stopped_are_not_live()
    {
        await using var test = new TestSystem(systemName: _systemName);
        var actor = test.Start(new ActorScript());
        test.System.Stop(actor);
        test.Run();
        _listener.RecordObservableInstruments();

        Assert.Equal(0, Sum("broker.actors.live", $"actor.type={nameof(ScriptedActor)}"));
        Assert.Equal(1, Sum("broker.actors.live", "actor.type=UserGuardian"));
    }

    private double Sum(string name, string tags) =>
        _measured.Where(measured => measured.Name == name && measured.Tags == tags).Sum(measured => measured.Value);

    private void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var text = string.Join(',', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"));
        _measured.Add((instrument.Name, value, text));
    }
}
