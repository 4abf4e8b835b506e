using Broker.Storage.Scheduling;
using Broker.Storage.Tests.Log;

namespace Broker.Storage.Tests.Scheduling;

public sealed class StoreThreadsTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public void Jobs_run_side_by_side_and_not_where_they_were_given()
    {
        using var threads = new StoreThreads(threads: 3);
        using var together = new Barrier(3);
        var here = Environment.CurrentManagedThreadId;
        using var done = new CountdownEvent(3);
        var elsewhere = 0;
        for (var i = 0; i < 3; i++)
        {
            threads.Run(() =>
            {
                together.SignalAndWait(s_limit);
                Interlocked.Add(ref elsewhere, Environment.CurrentManagedThreadId == here ? 0 : 1);
                done.Signal();
            });
        }

        Assert.True(done.Wait(s_limit), "three jobs that wait for each other have not ended");
        Assert.Equal(3, elsewhere);
    }

    [Fact]
    public void Logs_are_written_to_their_end_and_jobs_that_were_given_are_done()
    {
        var log = new TestLog();
        var done = 0;
        var threads = new StoreThreads(threads: 1);
        threads.Start(log.Log);
        for (var i = 0; i < 100; i++)
        {
            log.Append(1);
            threads.Run(() => done++);
        }

        threads.Dispose();
        Assert.Equal(100, done);
        Assert.Equal(100UL, log.Client.Committed[^1].Index);
        Assert.Equal(100, log.Crash().Found.Records.Count);
    }

    [Fact]
    public void It_takes_a_thread_at_least() => Assert.Throws<ArgumentOutOfRangeException>(() => new StoreThreads(threads: 0));
}
