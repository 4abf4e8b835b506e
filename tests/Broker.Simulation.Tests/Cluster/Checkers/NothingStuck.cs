namespace Broker.Simulation.Tests.Cluster.Checkers;

/// <summary>
/// Within <see cref="Patience"/> after everything is well, and again after each thing that is asked of the cluster then: every shard is led, and all its replicas are in sync; every
/// message of a
/// publisher with a name has an outcome; a consumer with credit has all that is in its queue; dead letters have arrived; logs are given up to their bounds, and all replicas have
/// committed the same record.
/// </summary>
internal static class NothingStuck
{
    /// <summary>Of simulated time, for each of these.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(40);

    /// <param name="what">Says what is waited for, for the message of a failure.</param>
    /// <param name="isSo">Whether it has happened.</param>
    /// <param name="now">The simulated time.</param>
    /// <param name="goOn">Lets some time pass.</param>
    public static void Await(string what, Func<bool> isSo, Func<TimeSpan> now, Action goOn)
    {
        for (var end = now() + Patience; !isSo();)
        {
            Assert.True(now() < end, $"not within {Patience}: {what}");
            goOn();
        }
    }
}
