namespace Broker.Coordination.Tests.Embedded;

/// <summary>Random transactions over a few keys, of which conditions hold more often than not.</summary>
internal sealed class RandomTransactions(Random random, int maxValueBytes)
{
    private static readonly string[] s_keys = ["a", "a/1", "a/2", "b", "\ufffd", "\U00010000", "c/1", "c/2", "c/3"];

    /// <summary>The next transaction.</summary>
    /// <param name="reference">What it is decided against.</param>
    /// <param name="leases">Leases that values may go with.</param>
    public MetadataTransaction Next(ReferenceStore reference, IReadOnlyList<long> leases)
    {
        var keys = s_keys.ToArray();
        random.Shuffle(keys);
        var conditions = new List<MetadataCondition>();
        for (var i = random.Next(-2, 3); i > 0; i--)
        {
            var key = s_keys[random.Next(s_keys.Length)];
            var revision = reference.Find(key)?.ModRevision ?? 0;
            conditions.Add(new MetadataCondition(key, random.Next(6) == 0 ? Math.Max(0, revision - 1) : revision));
        }

        return new MetadataTransaction
        {
            Conditions = conditions,
            Operations = [.. keys.Take(random.Next(5)).Select(key => random.Next(4) == 0 ? MetadataOperation.Delete(key) : Put(key, leases))],
        };
    }

    private MetadataOperation Put(string key, IReadOnlyList<long> leases)
    {
        var bytes = new byte[random.Next(3) == 0 ? random.Next(maxValueBytes) : random.Next(20)];
        random.NextBytes(bytes);
        return MetadataOperation.Put(key, bytes, leases.Count > 0 && random.Next(3) == 0 ? leases[random.Next(leases.Count)] : 0);
    }
}
