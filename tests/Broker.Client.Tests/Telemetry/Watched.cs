using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Broker.Client.Tests.Telemetry;

/// <summary>Everything that clients report about one destination; clients of earlier tests may still end.</summary>
internal sealed class Watched : IDisposable
{
    private readonly MeterListener _meters = new();
    private readonly ActivityListener? _activities;
    private readonly ConcurrentQueue<string> _measured = new();
    private readonly ConcurrentQueue<Activity> _stopped = new();
    private readonly string _about;

    /// <param name="about">A destination or client that no other test uses.</param>
    /// <param name="traces">Listen to activities too.</param>
    public Watched(string about, bool traces = false)
    {
        _about = about;
        _meters.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == BrokerTelemetry.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Measure(instrument, $"{value}", tags));
        _meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Measure(instrument, value is >= 0 and < 60 ? "s" : $"{value}", tags));
        _meters.Start();
        if (traces)
        {
            _activities = new ActivityListener
            {
                ShouldListenTo = static source => source.Name == BrokerTelemetry.ActivitySourceName,
                Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
                ActivityStopped = activity =>
                {
                    if (Equals(activity.GetTagItem("messaging.destination.name"), _about))
                    {
                        _stopped.Enqueue(activity);
                    }
                },
            };
            ActivitySource.AddActivityListener(_activities);
        }
    }

    /// <summary>Waits until something was measured, written as its instrument, value and tags; durations are just <c>s</c>.</summary>
    public Task MeasuresAsync(string expected) => UntilAsync(
        () => _measured.Contains(expected), () => $"'{expected}' among: {string.Join("; ", _measured)}");

    /// <summary>Waits for so many activities, in the order in which they stopped.</summary>
    public async Task<Activity[]> ActivitiesAsync(int count)
    {
        await UntilAsync(() => _stopped.Count >= count, () => $"{count} activities, of which there are {_stopped.Count}");
        return [.. _stopped];
    }

    /// <summary>Waits until an instrument that is asked says something, as <see cref="MeasuresAsync"/>.</summary>
    public Task ObservesAsync(string expected) => UntilAsync(
        () =>
        {
            _measured.Clear();
            _meters.RecordObservableInstruments();
            return _measured.Contains(expected);
        },
        () => $"'{expected}' among: {string.Join("; ", _measured)}");

    public void Dispose()
    {
        _meters.Dispose();
        _activities?.Dispose();
    }

    // What listeners hear comes a moment after what callers hear, on another thread.
    private static async Task UntilAsync(Func<bool> condition, Func<string> what)
    {
        for (var begun = Stopwatch.GetTimestamp(); !condition(); await Task.Yield())
        {
            Assert.True(Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(30), $"waited 30 s for {what()}");
        }
    }

    private void Measure(Instrument instrument, string value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var all = tags.ToArray();
        if (all.Any(tag => Equals(tag.Value, _about)))
        {
            var others = all.Where(tag => !Equals(tag.Value, _about) && tag.Key != "messaging.system").Select(static tag => $"{tag.Key}={tag.Value}");
            _measured.Enqueue(string.Join(' ', [instrument.Name, value, .. others]));
        }
    }
}
