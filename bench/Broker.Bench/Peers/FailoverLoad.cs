using System.Diagnostics;

namespace Broker.Bench.Peers;

/// <summary>When writes went on after the leader's node was killed, in milliseconds after the kill; <c>null</c>: not within <see cref="FailoverLoad.Patience"/>.</summary>
/// <param name="AtOther">Of the producer at another node.</param>
/// <param name="AtKilled">Of the producer at the killed one, which had to connect to the next.</param>
internal sealed record FailoverResult(double? AtOther, double? AtKilled);

/// <summary>Two producers, one at the leader's node and one at another, and a consumer at the third; then the leader's node is killed.</summary>
internal static class FailoverLoad
{
    private static readonly TimeSpan LoadBeforeKill = TimeSpan.FromSeconds(3);

    /// <summary>How long is waited for both.</summary>
    public static TimeSpan Patience => TimeSpan.FromSeconds(30);

    public static async Task<FailoverResult> RunAsync(IComparedBroker broker, ComparedProcesses processes, int leader, int nodes)
    {
        await using var consumer = await broker.OpenConsumerAsync((leader + 2) % nodes, static () => { });
        await using var atOther = await broker.OpenProducerAsync((leader + 1) % nodes);
        await using var atKilled = await broker.OpenProducerAsync(leader);
        using var stop = new CancellationTokenSource();
        var killed = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        var (other, own) = (new Writes(atOther, killed.Task, stop.Token), new Writes(atKilled, killed.Task, stop.Token));
        await Task.WhenAny(Task.Delay(LoadBeforeKill), other.Publishing, own.Publishing);
        var time = Stopwatch.GetTimestamp();
        await processes.KillAsync(leader);
        killed.SetResult(time);
        await Task.WhenAny(Task.Delay(Patience), other.Publishing, own.Publishing, Task.WhenAll(other.WentOn, own.WentOn));
        var result = new FailoverResult(other.Milliseconds, own.Milliseconds);
        await stop.CancelAsync();
        await Task.WhenAll(other.Publishing, own.Publishing);
        return result;
    }

    /// <summary>Publishes until it is stopped, and takes the time of the first confirm of a message that was published after the killed node had ended.</summary>
    private sealed class Writes
    {
        private readonly TaskCompletionSource<double> _wentOn = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Writes(IComparedProducer producer, Task<long> killed, CancellationToken stop) => Publishing = Task.Run(() => PublishAsync(producer, killed, stop), CancellationToken.None);

        /// <summary>Ends before it is stopped if publishing fails for good.</summary>
        public Task Publishing { get; }

        public Task WentOn => _wentOn.Task;

        public double? Milliseconds => _wentOn.Task.IsCompletedSuccessfully ? _wentOn.Task.Result : null;

        private async Task PublishAsync(IComparedProducer producer, Task<long> killed, CancellationToken stop)
        {
            var body = new byte[Load.BodyBytes];
            var measured = false;
            try
            {
                while (true)
                {
                    var counts = killed.IsCompleted && !measured;
                    await producer.PublishAsync(body, stop);
                    if (counts)
                    {
                        measured = true;
                        _ = MeasureAsync(producer, await killed);
                    }
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // all is known
            }
        }

        private async Task MeasureAsync(IComparedProducer producer, long killed)
        {
            await producer.FlushAsync();
            _wentOn.SetResult(Stopwatch.GetElapsedTime(killed).TotalMilliseconds);
        }
    }
}
