using System.Diagnostics;

namespace Broker.Bench.Peers;

/// <summary>What one producer and one consumer came to.</summary>
/// <param name="Rate">Messages a second, from the first publish to the last receipt.</param>
/// <param name="CpuMicroseconds">CPU time of all of the cluster for one.</param>
/// <param name="ConfirmP50">From publish to confirm, in microseconds.</param>
/// <param name="ConfirmP99">Likewise.</param>
/// <param name="OthersShare">Share of the machine, 0 to 1, that was used by what has no part in the measurement.</param>
internal sealed record SteadyResult(double Rate, double CpuMicroseconds, double ConfirmP50, double ConfirmP99, double OthersShare);

/// <summary>One producer and one consumer at the same node, as fast as they come.</summary>
internal static class SteadyLoad
{
    private const int SampleEvery = 16;
    private static readonly TimeSpan StallTimeout = TimeSpan.FromSeconds(60);

    public static async Task<SteadyResult> RunAsync(IComparedBroker broker, ComparedProcesses processes, int node, double seconds)
    {
        long received = 0, sent = 0;
        await using var consumer = await broker.OpenConsumerAsync(node, () => Interlocked.Increment(ref received));
        await using var producer = await broker.OpenProducerAsync(node);
        var confirm = new Latencies();
        var body = new byte[Load.BodyBytes];
        var measuring = Task.CompletedTask;
        var (cpu, others) = (processes.CpuTime, processes.OthersCpuTime);
        var clock = Stopwatch.StartNew();
        await Task.Run(async () =>
        {
            while (clock.Elapsed.TotalSeconds < seconds)
            {
                await producer.PublishAsync(body, CancellationToken.None);
                if (sent++ % SampleEvery == 0 && measuring.IsCompleted)
                {
                    measuring = MeasureAsync(producer, Stopwatch.GetTimestamp(), confirm);
                }
            }
        });
        await producer.FlushAsync().WaitAsync(StallTimeout);
        await measuring;
        while (Interlocked.Read(ref received) < sent)
        {
            if (clock.Elapsed.TotalSeconds > seconds + StallTimeout.TotalSeconds)
            {
                throw new TimeoutException($"{received} of {sent} messages came within {clock.Elapsed}");
            }

            await Task.Delay(1);
        }

        var elapsed = clock.Elapsed;
        return new SteadyResult(
            sent / elapsed.TotalSeconds,
            (processes.CpuTime - cpu).TotalMicroseconds / sent,
            confirm.Percentile(0.5),
            confirm.Percentile(0.99),
            Math.Max(0, (processes.OthersCpuTime - others) / elapsed / Environment.ProcessorCount));
    }

    /// <summary>When everything up to now is confirmed, the message that was published last is.</summary>
    private static async Task MeasureAsync(IComparedProducer producer, long start, Latencies confirm)
    {
        await producer.FlushAsync();
        confirm.Add(Stopwatch.GetElapsedTime(start));
    }
}
